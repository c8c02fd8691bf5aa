//! Finds the lowest point of a smooth function of a few parameters, from its exact gradient.
//!
//! Quasi-Newton (BFGS) with backtracking, or Newton's method where the function tells its curvature and
//! curves upwards; a point where the function is not finite is too far. No
//! random starts and no flag of success: the caller judges by the gradient and the curvature at the
//! point it gets, both of which are returned.

use crate::stop::Stop;

/// A point and what is known about it.
#[derive(Debug, Clone)]
pub(crate) struct Lowest {
    pub(crate) point: Vec<f64>,
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
    /// If the function told it.
    pub(crate) curvature: Option<Matrix>,
    pub(crate) steps: usize,
}

/// A value and its gradient.
pub(crate) type Slope = (f64, Vec<f64>);

/// A symmetric matrix, by rows.
pub(crate) type Matrix = Vec<Vec<f64>>;

/// What a function says at a point: its value, its gradient and, if it knows them, its second derivatives.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
    pub(crate) curvature: Option<Matrix>,
}

impl From<Slope> for Look {
    fn from((value, gradient): Slope) -> Self {
        Self { value, gradient, curvature: None }
    }
}

impl Look {
    fn at(self, point: Vec<f64>, steps: usize) -> Lowest {
        let Self { value, gradient, curvature } = self;
        Lowest { point, value, gradient, curvature, steps }
    }
}

impl Lowest {
    /// The curvature here, by differences of the gradient if the function does not tell it.
    pub(crate) fn curved<L: Into<Look>>(&self, function: impl Fn(&[f64]) -> L) -> Matrix {
        let told = self.curvature.clone();
        told.unwrap_or_else(|| curvature(&self.point, |point| function(point).into().gradient))
    }

    /// The inverse of the curvature, if it is told and the function curves upwards.
    fn bowl(&self) -> Option<Matrix> {
        invert(self.curvature.as_ref()?)
    }
}

/// Walks down from `start` until the gradient is below `flat` or nothing gets better.
pub(crate) fn minimize<L: Into<Look>>(
    start: Vec<f64>,
    flat: f64,
    most_steps: usize,
    function: impl Fn(&[f64]) -> L,
) -> Lowest {
    let inverse = identity(start.len());
    walk(start, inverse, flat, most_steps, function)
}

/// As [`minimize`], for a function that is a mean over so many things that a sample of them shows where its lowest
/// point must be, and how curved it is there. Both are only where the walk over all begins: what it ends with is the
/// lowest point of the function itself.
pub(crate) fn minimize_by_sample<S: Into<Look>, L: Into<Look>>(
    start: Vec<f64>,
    flat: f64,
    most_steps: usize,
    sample: impl Fn(&[f64]) -> S,
    function: impl Fn(&[f64]) -> L,
) -> Lowest {
    const NEAR: f64 = 1e-7;
    let near = minimize(start.clone(), NEAR, most_steps, &sample);
    let inverse = invert(&near.curved(&sample));
    match inverse.filter(|_| largest(&near.gradient) <= NEAR) {
        Some(inverse) => walk(near.point, inverse, flat, most_steps, function),
        // The sample has no lowest point.
        None => minimize(start, flat, most_steps, function),
    }
}

/// Walks down from a point, given the inverse of the curvature as far as it is known.
fn walk<L: Into<Look>>(
    start: Vec<f64>,
    inverse: Matrix,
    flat: f64,
    most_steps: usize,
    function: impl Fn(&[f64]) -> L,
) -> Lowest {
    let size = start.len();
    let function = |point: &[f64]| -> Look { function(point).into() };
    let mut here = function(&start).at(start, 0);
    let mut inverse = here.bowl().unwrap_or(inverse);
    let mut stuck = false;
    let stop = Stop::here();
    while here.steps < most_steps && largest(&here.gradient) > flat && !stop.is_set() {
        let mut direction: Vec<f64> = inverse.iter().map(|row| -dot(row, &here.gradient)).collect();
        if dot(&direction, &here.gradient) >= 0.0 {
            inverse = identity(size);
            direction = here.gradient.iter().map(|slope| -slope).collect();
        }
        let Some(next) = step(&here, &direction, &function) else {
            // The curvature may be stale: try once more straight down, then stop.
            if stuck {
                break;
            }
            stuck = true;
            inverse = identity(size);
            continue;
        };
        stuck = false;
        match next.bowl() {
            Some(bowl) => inverse = bowl,
            None => update(&mut inverse, &here, &next),
        }
        here = next;
    }
    here
}

/// The first point along the direction, halving from a bounded step, that is low enough.
fn step(here: &Lowest, direction: &[f64], function: &impl Fn(&[f64]) -> Look) -> Option<Lowest> {
    const LONGEST: f64 = 2.0;
    const HALVINGS: i32 = 60;
    let descent = dot(direction, &here.gradient);
    let mut length = (LONGEST / largest(direction)).min(1.0);
    for _ in 0..HALVINGS {
        let point: Vec<f64> =
            here.point.iter().zip(direction).map(|(x, d)| x + length * d).collect();
        let look = function(&point);
        let (value, gradient) = (look.value, &look.gradient);
        let finite = value.is_finite() && gradient.iter().all(|slope| slope.is_finite());
        let lower = value <= here.value + 1e-4 * length * descent;
        // At the bottom values no longer differ; a smaller slope is then progress.
        let flatter = value <= here.value + 1e-13 * here.value.abs()
            && largest(gradient) < 0.9 * largest(&here.gradient);
        if finite && (lower && value < here.value || flatter) {
            return Some(look.at(point, here.steps + 1));
        }
        length /= 2.0;
    }
    None
}

/// The BFGS update of the inverse curvature, skipped where the curvature is not positive.
fn update(inverse: &mut [Vec<f64>], from: &Lowest, to: &Lowest) {
    let moved: Vec<f64> = to.point.iter().zip(&from.point).map(|(b, a)| b - a).collect();
    let turned: Vec<f64> = to.gradient.iter().zip(&from.gradient).map(|(b, a)| b - a).collect();
    let curvature = dot(&moved, &turned);
    if curvature <= 1e-300 {
        return;
    }
    let image: Vec<f64> = inverse.iter().map(|row| dot(row, &turned)).collect();
    let scale = (1.0 + dot(&turned, &image) / curvature) / curvature;
    for (i, row) in inverse.iter_mut().enumerate() {
        for (j, cell) in row.iter_mut().enumerate() {
            *cell += scale * moved[i] * moved[j]
                - (image[i] * moved[j] + moved[i] * image[j]) / curvature;
        }
    }
}

fn identity(size: usize) -> Matrix {
    (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// The largest of the sizes; NaN if one is NaN, so that a slope nobody knows is never a flat one.
pub(crate) fn largest(values: &[f64]) -> f64 {
    let larger = |most: f64, value: f64| if value.is_nan() || value > most { value } else { most };
    values.iter().map(|value| value.abs()).fold(0.0, larger)
}

/// The matrix of second derivatives, by central differences of the gradient.
pub(crate) fn curvature(point: &[f64], gradient: impl Fn(&[f64]) -> Vec<f64>) -> Matrix {
    const STEP: f64 = 1e-5;
    let size = point.len();
    let shifted = |axis: usize, by: f64| {
        let mut point = point.to_vec();
        point[axis] += by;
        gradient(&point)
    };
    let rows: Vec<Vec<f64>> = (0..size)
        .map(|axis| {
            let (up, down) = (shifted(axis, STEP), shifted(axis, -STEP));
            up.iter().zip(&down).map(|(u, d)| (u - d) / (2.0 * STEP)).collect()
        })
        .collect();
    (0..size).map(|i| (0..size).map(|j| 0.5 * (rows[i][j] + rows[j][i])).collect()).collect()
}

/// The inverse of a symmetric positive definite matrix; None if it is not one.
pub(crate) fn invert(matrix: &[Vec<f64>]) -> Option<Matrix> {
    let size = matrix.len();
    let mut lower = vec![vec![0.0; size]; size];
    for i in 0..size {
        for j in 0..=i {
            let rest = matrix[i][j] - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
            if i == j {
                if rest.is_nan() || rest <= 1e-12 * matrix[i][i].abs() {
                    return None;
                }
                lower[i][i] = rest.sqrt();
            } else {
                lower[i][j] = rest / lower[j][j];
            }
        }
    }
    let columns: Vec<Vec<f64>> = (0..size)
        .map(|axis| {
            let mut x = vec![0.0; size];
            for i in 0..size {
                let unit = f64::from(u8::from(i == axis));
                x[i] = (unit - (0..i).map(|k| lower[i][k] * x[k]).sum::<f64>()) / lower[i][i];
            }
            for i in (0..size).rev() {
                let below: f64 = (i + 1..size).map(|k| lower[k][i] * x[k]).sum();
                x[i] = (x[i] - below) / lower[i][i];
            }
            x
        })
        .collect();
    Some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_is_to_stop_takes_no_step() {
        let bowl = |point: &[f64]| (point[0] * point[0], vec![2.0 * point[0]]);
        for (is_set, steps) in [(false, 1), (true, 0)] {
            let stop = std::sync::Arc::new(is_set.into());
            let found = crate::stoppable(&stop, || minimize(vec![1.5], 1e-9, 100, bowl));
            assert_eq!(found.steps.min(1), steps);
        }
    }

    #[test]
    fn finds_the_bottom_of_a_curved_valley() {
        let valley = |p: &[f64]| {
            let (x, y) = (p[0], p[1]);
            let value = (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
            (value, vec![-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)])
        };
        let lowest = minimize(vec![-1.2, 1.0], 1e-10, 500, valley);
        assert!((lowest.point[0] - 1.0).abs() < 1e-9 && (lowest.point[1] - 1.0).abs() < 1e-9);
        let curved = curvature(&lowest.point, |p| valley(p).1);
        let inverse = invert(&curved).unwrap();
        assert!((inverse[0][0] - 0.5).abs() < 1e-4);
        let told = |p: &[f64]| {
            let cross = -400.0 * p[0];
            let corner = 2.0 + 1_200.0 * p[0] * p[0] - 400.0 * p[1];
            let curvature = Some(vec![vec![corner, cross], vec![cross, 200.0]]);
            Look { curvature, ..valley(p).into() }
        };
        let by_newton = minimize(vec![-1.2, 1.0], 1e-10, 500, told);
        assert!((by_newton.point[0] - 1.0).abs() < 1e-9, "{by_newton:?}");
        assert!(by_newton.steps < lowest.steps, "{} {}", by_newton.steps, lowest.steps);
        assert!(invert(&[vec![1.0, 2.0], vec![2.0, 1.0]]).is_none());
    }

    #[test]
    fn an_unknown_slope_is_not_flat() {
        assert!(largest(&[f64::NAN, 1.0]).is_nan() && largest(&[1.0, f64::NAN]).is_nan());
        assert_eq!(largest(&[1.0, -2.0]), 2.0);
        let lowest = minimize(vec![1.0], 1e-9, 10, |_: &[f64]| (1.0_f64, vec![f64::NAN]));
        assert!(lowest.steps == 0 && lowest.gradient[0].is_nan());
    }

    #[test]
    fn a_sample_only_says_where_to_begin() {
        let bowl = |bottom: f64| {
            move |p: &[f64]| ((p[0] - bottom).exp() - p[0], vec![(p[0] - bottom).exp() - 1.0])
        };
        let lowest = minimize_by_sample(vec![5.0], 1e-12, 100, bowl(1.1), bowl(1.0));
        assert!((lowest.point[0] - 1.0).abs() < 1e-11 && lowest.steps < 8, "{lowest:?}");
        let slope = |p: &[f64]| (-p[0], vec![-1.0]);
        let lowest = minimize_by_sample(vec![5.0], 1e-12, 100, slope, bowl(1.0));
        assert!((lowest.point[0] - 1.0).abs() < 1e-11, "{lowest:?}");
    }
}
