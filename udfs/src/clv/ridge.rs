//! The direction in which a likelihood is flattest: the eigenvector of the smallest eigenvalue of its
//! curvature, by Jacobi rotations.
//!
//! By hand: [[1, -1], [-1, 1]] is flat along (1, 1) / sqrt(2).

/// The unit vector along which a symmetric matrix curves least; its largest component is positive.
pub(crate) fn flattest(matrix: &[Vec<f64>]) -> Vec<f64> {
    const SWEEPS: usize = 50;
    let size = matrix.len();
    let mut matrix = matrix.to_vec();
    let mut axes: Vec<Vec<f64>> =
        (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..SWEEPS {
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut matrix, &mut axes, p, q);
            }
        }
    }
    let least = (0..size).min_by(|a, b| matrix[*a][*a].total_cmp(&matrix[*b][*b])).unwrap_or(0);
    let direction: Vec<f64> = axes.iter().map(|row| row[least]).collect();
    let most = direction.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
    let sign = most.map_or(1.0, f64::signum);
    direction.into_iter().map(|part| part * sign).collect()
}

/// Turns the axes p and q so that the matrix has nothing between them.
fn rotate(matrix: &mut [Vec<f64>], axes: &mut [Vec<f64>], p: usize, q: usize) {
    let between = matrix[p][q];
    if between == 0.0 || !between.is_finite() {
        return;
    }
    let ratio = (matrix[q][q] - matrix[p][p]) / (2.0 * between);
    let tangent = ratio.signum() / (ratio.abs() + ratio.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |row: &mut Vec<f64>| {
        let (a, b) = (row[p], row[q]);
        row[p] = cosine * a - sine * b;
        row[q] = sine * a + cosine * b;
    };
    matrix.iter_mut().for_each(turn);
    axes.iter_mut().for_each(turn);
    let (a, b) = (matrix[p].clone(), matrix[q].clone());
    matrix[p] = a.iter().zip(&b).map(|(a, b)| cosine * a - sine * b).collect();
    matrix[q] = a.iter().zip(&b).map(|(a, b)| sine * a + cosine * b).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_flat_direction() {
        let flat = flattest(&[vec![1.0, -1.0], vec![-1.0, 1.0]]);
        assert!(flat.iter().all(|part| (part - 0.5_f64.sqrt()).abs() < 1e-15), "{flat:?}");
        let flat = flattest(&[vec![4.0, 1.0, 0.0], vec![1.0, 3.0, 0.0], vec![0.0, 0.0, 1e-9]]);
        assert_eq!(flat, [0.0, 0.0, 1.0]);
    }
}
