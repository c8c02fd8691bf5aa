//! Dates and timestamps as whole ticks, and the calendar they fall into.
//!
//! A column of moments is read as one 64-bit number per row: days for a DATE, the column's own unit for a
//! TIMESTAMP. Differences of ticks are exact; a day, week or month is looked up in the time zone of
//! the column. Units are average lengths: a month is a twelfth of 365.25 days, never thirty.
//!
//! By hand: 1997-09-30 is day 10,134 and a Tuesday, so its week began on day 10,133; its month is
//! the ninth of year 1997.

use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::compute::{DatePart, cast, date_part};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::common::{DataFusionError, Result, ScalarValue};

use crate::ranking::ordered::integers;

/// Days in a year, on average.
pub(crate) const YEAR_DAYS: f64 = 365.25;

/// The units of time, for a parameter; the first is the default.
pub(crate) const UNITS: &[&str] = &["week", "day", "month", "quarter", "year"];

/// The average length of a unit of time in days.
pub(crate) fn unit_days(unit: &str) -> f64 {
    match unit {
        "day" => 1.0,
        "month" => YEAR_DAYS / 12.0,
        "quarter" => YEAR_DAYS / 4.0,
        "year" => YEAR_DAYS,
        _ => 7.0,
    }
}

/// A stretch of the calendar within which moments are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grain {
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Grain {
    /// The words of the parameter; the first is the default.
    pub(crate) const WORDS: &'static [&'static str] =
        &["day", "hour", "week", "month", "quarter", "year"];

    /// The grain of a word.
    pub(crate) fn read(word: &str) -> Self {
        match word {
            "hour" => Self::Hour,
            "week" => Self::Week,
            "month" => Self::Month,
            "quarter" => Self::Quarter,
            "year" => Self::Year,
            _ => Self::Day,
        }
    }

    /// The number of the stretch that a local moment is in; weeks begin on Monday.
    pub(crate) fn number(self, ticks: i64, per_day: i64) -> i64 {
        let day = ticks.div_euclid(per_day);
        match self {
            Self::Hour if per_day == 1 => day,
            Self::Hour => ticks.div_euclid(per_day / 24),
            Self::Day => day,
            Self::Week => (day + 3).div_euclid(7),
            Self::Month => months(day),
            Self::Quarter => months(day).div_euclid(3),
            Self::Year => months(day).div_euclid(12),
        }
    }
}

/// Months since the year 0 for a day since 1970, in the Gregorian calendar.
///
/// Counted in years that begin in March, where the leap day comes last and the months before it
/// follow a pattern of 153 days in five.
fn months(day: i64) -> i64 {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    (era * 400 + year) * 12 + month + 2
}

/// How the moments of a column are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calendar {
    data_type: DataType,
    per_day: i64,
}

impl Calendar {
    /// The calendar of a column type; None if it holds no moments.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        let per_second = match data_type {
            DataType::Date32 => return Some(Self { data_type: data_type.clone(), per_day: 1 }),
            DataType::Timestamp(TimeUnit::Second, _) => 1,
            DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000_000,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000_000,
            _ => return None,
        };
        Some(Self { data_type: data_type.clone(), per_day: 86_400 * per_second })
    }

    pub(crate) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    pub(crate) fn per_day(&self) -> i64 {
        self.per_day
    }

    /// The ticks of a column of this type.
    pub(crate) fn ticks(&self, column: &ArrayRef) -> Result<Int64Array> {
        integers(column)
    }

    /// Ticks as a column of this type.
    pub(crate) fn column(&self, ticks: &Int64Array) -> Result<ArrayRef> {
        if self.per_day == 1 {
            return Ok(cast(&cast(ticks, &DataType::Int32)?, &DataType::Date32)?);
        }
        Ok(cast(ticks, &self.data_type)?)
    }

    /// What the clock on the wall shows at these moments, to the hour, as ticks.
    pub(crate) fn local(&self, ticks: Vec<i64>) -> Result<Vec<i64>> {
        let DataType::Timestamp(_, Some(_)) = self.data_type else { return Ok(ticks) };
        let moments = self.column(&Int64Array::from(ticks))?;
        let days = integers(&cast(&moments, &DataType::Date32)?)?;
        let hours = integers(&date_part(&moments, DatePart::Hour)?)?;
        let hour = |(day, hour): (&i64, &i64)| (day * 24 + hour) * (self.per_day / 24);
        Ok(days.values().iter().zip(hours.values()).map(hour).collect())
    }

    /// Days from one moment to another.
    pub(crate) fn days(&self, from: i64, to: i64) -> f64 {
        (i128::from(to) - i128::from(from)) as f64 / self.per_day as f64
    }

    /// Where a constant moment begins and ends: a date lasts its whole day, a timestamp one tick.
    pub(crate) fn span(&self, moment: &ScalarValue) -> Result<(i64, i64)> {
        let array = moment.to_array()?;
        if self.per_day == 1 || !matches!(moment, ScalarValue::Date32(_) | ScalarValue::Date64(_)) {
            let tick = self.tick(&array)?;
            return Ok((tick, tick));
        }
        let days = integers(&cast(&array, &DataType::Date32)?)?;
        let next = days.unary::<_, Int64Type>(|day| day + 1);
        let (begin, end) = (self.midnight(&days)?, self.midnight(&next)? - 1);
        // A day that a zone has left out begins with the next one.
        Ok((begin, end.max(begin)))
    }

    /// Where the one day of an array begins.
    fn midnight(&self, day: &Int64Array) -> Result<i64> {
        let date = cast(&cast(day, &DataType::Int32)?, &DataType::Date32)?;
        let DataType::Timestamp(unit, _) = self.data_type else { return self.tick(&date) };
        let clock = cast(&date, &DataType::Timestamp(unit, None))?;
        let is_told = cast(&clock, &self.data_type)?.null_count() == 0;
        if !is_told
            && clock.null_count() == 0
            && let Some(first) = self.first_moment(day.value(0))?
        {
            return Ok(first);
        }
        self.tick(&clock)
    }

    /// The first moment of a day whose midnight the clocks skip or show twice: the first minute whose date is not
    /// an earlier one. None if it is beyond what the column can hold.
    fn first_moment(&self, day: i64) -> Result<Option<i64>> {
        // No clock on earth is as far from that of Greenwich.
        const REACH: i64 = 16 * 60;
        let minute = self.per_day / 1_440;
        let Some(midnight) = day.checked_mul(self.per_day) else { return Ok(None) };
        let around = (-REACH..=REACH).filter_map(|by| midnight.checked_add(by * minute));
        let ticks: Vec<i64> = around.collect();
        let moments = self.column(&Int64Array::from(ticks.clone()))?;
        let dates = integers(&cast(&moments, &DataType::Date32)?)?;
        let place = dates.iter().position(|date| date.is_some_and(|date| date >= day));
        Ok(place.and_then(|place| ticks.get(place).copied()))
    }

    /// The one value of an array, read as this type.
    fn tick(&self, array: &ArrayRef) -> Result<i64> {
        let moment = cast(array, &self.data_type)?;
        let ticks = integers(&moment)?;
        let tick = ticks.iter().next().flatten();
        tick.ok_or_else(|| {
            DataFusionError::Plan(format!(
                "{} is beyond what {} can hold: cast the column to a wider type",
                ScalarValue::try_from_array(array, 0)
                    .map_or_else(|_| "a date".into(), |v| v.to_string()),
                self.data_type
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days since 1970 by pandas: (pd.Timestamp(..) - pd.Timestamp(0)).days.
    #[test]
    fn months_are_those_of_the_calendar() {
        let days = [
            (0, 1970, 1),
            (10_134, 1997, 9),
            (10_135, 1997, 10),
            (-1, 1969, 12),
            (11_016, 2000, 2),
        ];
        for (day, year, month) in days {
            assert_eq!(months(day), year * 12 + month - 1, "{day}");
        }
    }

    #[test]
    fn a_stretch_has_one_number() {
        assert_eq!(Grain::Week.number(10_133, 1), Grain::Week.number(10_139, 1));
        assert_ne!(Grain::Week.number(10_133, 1), Grain::Week.number(10_132, 1));
        assert_eq!(Grain::Hour.number(-1, 86_400), -1);
        assert_eq!(Grain::Quarter.number(10_134, 1) + 1, Grain::Quarter.number(10_135, 1));
    }

    #[test]
    fn a_date_lasts_its_day_in_the_zone_of_the_column() {
        let zoned = DataType::Timestamp(TimeUnit::Second, Some("+02:00".into()));
        let calendar = Calendar::of(&zoned).unwrap();
        let day = ScalarValue::Date32(Some(1));
        assert_eq!(calendar.span(&day).unwrap(), (86_400 - 7_200, 2 * 86_400 - 7_200 - 1));
        assert_eq!(calendar.local(vec![86_400 - 7_200, -7_201]).unwrap(), [86_400, -3_600]);
    }

    /// By Python's zoneinfo: the first second of the day and of the next. Chile skips from midnight to one, Cuba goes
    /// from one back to midnight.
    #[test]
    fn a_day_without_one_midnight_begins_with_its_first_moment() {
        for (zone, day, first, next) in [
            ("America/Santiago", 19_974, 1_725_768_000, 1_725_850_800),
            ("America/Havana", 20_030, 1_730_606_400, 1_730_696_400),
        ] {
            let zoned = DataType::Timestamp(TimeUnit::Second, Some(zone.into()));
            let calendar = Calendar::of(&zoned).unwrap();
            let span = |day: i32| calendar.span(&ScalarValue::Date32(Some(day))).unwrap();
            assert_eq!(span(day), (first, next - 1), "{zone}");
            assert_eq!(span(day - 1).1, first - 1, "{zone}");
        }
    }
}
