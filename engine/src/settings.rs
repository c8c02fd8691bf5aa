//! The settings of a session: the few that `SET` accepts, and how each is checked and applied.
//!
//! Ours live under `pareto.` and are on/off switches, an interval, a word and a number. Of DataFusion's some 190 only those are handed
//! out that cannot make an answer wrong or the server fall over; any other is refused by name, with the nearest known
//! one. Add a setting only when you can name who would change it.
//!
//! Example: `SET pareto.rewrite = off`, `SET datafusion.execution.batch_size = 4096`, `SHOW pareto.rewrite`.

use crate::error::{EngineError, Result};
use datafusion::common::config::{ConfigExtension, ConfigOptions};
use datafusion::common::extensions_options;

extensions_options! {
    /// Pareto's own switches, read by its planner rules.
    pub struct ParetoOptions {
        /// Answer queries from materialized views where that gives the same answer, once there are any
        pub rewrite: bool, default = true
        /// Join, group and aggregate a star in one operator
        pub star_aggregate: bool, default = true
        /// Join what is left of a star in the order in which dimensions drop rows
        pub star_join_order: bool, default = true
        /// Leave out joins that add nothing to the answer under keys that say RELY
        pub join_elimination: bool, default = true
        /// Do not ask rows for conditions that the bounds of their files answer
        pub filter_elimination: bool, default = true
        /// Count different whole numbers and dates with bitmaps
        pub distinct_bitmaps: bool, default = true
        /// Sort rows by whole numbers as one number each
        pub packed_sorts: bool, default = true
        /// Compute a subplan that a query has several times once
        pub subplan_sharing: bool, default = true
        /// Let exchanges not keep an order of rows that nobody reads
        pub order_elimination: bool, default = true
        /// Let rows that come together by fewer columns not change threads twice
        pub exchange_elimination: bool, default = true
        /// Compute windows that look at neighbours for a batch of rows at once
        pub neighbour_windows: bool, default = true
        /// Compute what depends on a date alone once for each day
        pub day_lookup: bool, default = true
        /// Number groups by one whole number with an array
        pub group_numbering: bool, default = true
        /// Compute CUBE, ROLLUP and GROUPING SETS from the finest set
        pub grouping_cascade: bool, default = true
        /// Keep columns that queries ask for again decoded in memory
        pub scan_cache: bool, default = true
        /// Keep and reuse the plans of repeated queries
        pub plan_cache: bool, default = true
        /// Keep and reuse the results of repeated queries
        pub result_cache: bool, default = true
        /// How old an answer from a materialized view may be
        pub max_staleness: String, default = "0".to_owned()
        /// Which Arrow types a result is sent in: plain ones that every driver reads, or the engine's own
        pub result_types: String, default = "plain".to_owned()
        /// How many endpoints a result may be sent by
        pub parallel_endpoints: u64, default = 1
        /// Who is connected; not for SET
        pub user: String, default = "pareto".to_owned()
    }
}

impl ParetoOptions {
    /// Whether a switch is on. It is where nobody has set ours up.
    pub(crate) fn switched_on(config: &ConfigOptions, switch: impl Fn(&Self) -> bool) -> bool {
        config.extensions.get::<Self>().is_none_or(switch)
    }
}

impl ConfigExtension for ParetoOptions {
    const PREFIX: &'static str = "pareto";
}

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// `on` or `off`.
    Switch,
    /// A whole number in a range.
    Number(u64, u64),
    /// An interval such as `15 minutes`, or `0`.
    Interval,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A time zone, as `Europe/Berlin` or `+02:00`.
    TimeZone,
}

/// One setting that `SET` accepts.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) takes: Takes,
    pub(crate) about: &'static str,
}

/// The zone in which timestamps are read and shown.
pub(crate) const TIME_ZONE: &str = "datafusion.execution.time_zone";

/// Every setting, ours first.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: "pareto.rewrite",
        takes: Takes::Switch,
        about: "answer queries from materialized views, once there are any",
    },
    Setting {
        key: "pareto.star_aggregate",
        takes: Takes::Switch,
        about: "join, group and aggregate a star in one operator",
    },
    Setting {
        key: "pareto.star_join_order",
        takes: Takes::Switch,
        about: "join the tables of a star in the order in which they drop rows",
    },
    Setting {
        key: "pareto.join_elimination",
        takes: Takes::Switch,
        about: "leave out joins that add nothing to the answer under keys that say RELY",
    },
    Setting {
        key: "pareto.filter_elimination",
        takes: Takes::Switch,
        about: "do not ask rows for conditions that the bounds of their files answer",
    },
    Setting {
        key: "pareto.distinct_bitmaps",
        takes: Takes::Switch,
        about: "count different whole numbers and dates with bitmaps",
    },
    Setting {
        key: "pareto.packed_sorts",
        takes: Takes::Switch,
        about: "sort rows by whole numbers as one number each",
    },
    Setting {
        key: "pareto.subplan_sharing",
        takes: Takes::Switch,
        about: "compute what a query has several times once",
    },
    Setting {
        key: "pareto.order_elimination",
        takes: Takes::Switch,
        about: "let exchanges not keep an order of rows that nobody reads",
    },
    Setting {
        key: "pareto.exchange_elimination",
        takes: Takes::Switch,
        about: "let rows that come together by fewer columns not change threads twice",
    },
    Setting {
        key: "pareto.neighbour_windows",
        takes: Takes::Switch,
        about: "compute lag, row_number and their like for a batch of rows at once",
    },
    Setting {
        key: "pareto.day_lookup",
        takes: Takes::Switch,
        about: "compute what depends on a date alone once for each day",
    },
    Setting {
        key: "pareto.group_numbering",
        takes: Takes::Switch,
        about: "number groups by one whole number with an array",
    },
    Setting {
        key: "pareto.grouping_cascade",
        takes: Takes::Switch,
        about: "compute CUBE and ROLLUP from the finest set",
    },
    Setting {
        key: "pareto.scan_cache",
        takes: Takes::Switch,
        about: "keep columns that queries ask for again decoded in memory",
    },
    Setting {
        key: "pareto.plan_cache",
        takes: Takes::Switch,
        about: "reuse the plans of repeated queries",
    },
    Setting {
        key: "pareto.result_cache",
        takes: Takes::Switch,
        about: "reuse the results of repeated queries",
    },
    Setting {
        key: "pareto.max_staleness",
        takes: Takes::Interval,
        about: "how old an answer from a materialized view may be",
    },
    Setting {
        key: "pareto.result_types",
        takes: Takes::OneOf(&["plain", "engine"]),
        about: "Arrow types of results: plain, which every driver reads, or the engine's own",
    },
    Setting {
        key: "pareto.parallel_endpoints",
        takes: Takes::Number(1, 64),
        about: "endpoints of Flight SQL that a result may be fetched from side by side",
    },
    Setting {
        key: "datafusion.execution.batch_size",
        takes: Takes::Number(1, 1 << 20),
        about: "rows per batch",
    },
    Setting {
        key: "datafusion.execution.target_partitions",
        takes: Takes::Number(1, 1024),
        about: "threads a query may use",
    },
    Setting {
        key: TIME_ZONE,
        takes: Takes::TimeZone,
        about: "the zone of TIMESTAMP WITH TIME ZONE and now()",
    },
    Setting {
        key: "datafusion.execution.collect_statistics",
        takes: Takes::Switch,
        about: "read statistics of files queried in place",
    },
    Setting {
        key: "datafusion.execution.parquet.pushdown_filters",
        takes: Takes::Switch,
        about: "filter while decoding Parquet",
    },
    Setting {
        key: "datafusion.execution.parquet.reorder_filters",
        takes: Takes::Switch,
        about: "order such filters by cost",
    },
    Setting {
        key: "datafusion.execution.parquet.pruning",
        takes: Takes::Switch,
        about: "skip row groups by statistics",
    },
    Setting {
        key: "datafusion.execution.parquet.enable_page_index",
        takes: Takes::Switch,
        about: "skip pages by statistics",
    },
    Setting {
        key: "datafusion.execution.parquet.bloom_filter_on_read",
        takes: Takes::Switch,
        about: "skip row groups by bloom filter",
    },
    Setting {
        key: "datafusion.optimizer.prefer_hash_join",
        takes: Takes::Switch,
        about: "hash joins before sort-merge joins",
    },
    Setting {
        key: "datafusion.optimizer.repartition_joins",
        takes: Takes::Switch,
        about: "spread joins over threads",
    },
    Setting {
        key: "datafusion.optimizer.repartition_aggregations",
        takes: Takes::Switch,
        about: "spread GROUP BY over threads",
    },
    Setting {
        key: "datafusion.explain.format",
        takes: Takes::OneOf(&["indent", "tree", "pgjson", "graphviz"]),
        about: "EXPLAIN as indent, tree, pgjson or graphviz",
    },
];

/// The setting of that name, whatever its case.
pub(crate) fn find(key: &str) -> Result<&'static Setting> {
    let wanted = match key.to_ascii_lowercase().as_str() {
        "timezone" | "time.zone" | "time_zone" => TIME_ZONE.to_owned(),
        other => other.to_owned(),
    };
    SETTINGS.iter().find(|setting| setting.key == wanted).ok_or_else(|| {
        let error =
            EngineError::invalid(format!("setting \"{key}\" does not exist or may not be changed"));
        let last = wanted.rsplit('.').next().unwrap_or(&wanted);
        let same_end = SETTINGS.iter().find(|setting| setting.key.rsplit('.').next() == Some(last));
        match same_end {
            Some(setting) => error.with_hint(format!("did you mean \"{}\"?", setting.key)),
            None => {
                match crate::error::nearest(&wanted, SETTINGS.iter().map(|setting| setting.key)) {
                    Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
                    None => error.with_hint(
                        "SELECT name, value, description FROM system.settings lists them all",
                    ),
                }
            }
        }
    })
}

impl Setting {
    /// Checks a value and writes it the way it is kept.
    pub(crate) fn normalize(&self, value: &str) -> Result<String> {
        let value = value.trim();
        let refuse = |what: String| {
            EngineError::invalid(format!("setting \"{}\" takes {what}, not \"{value}\"", self.key))
        };
        match self.takes {
            Takes::Switch => match value.to_ascii_lowercase().as_str() {
                "on" | "true" | "1" | "yes" => Ok("on".to_owned()),
                "off" | "false" | "0" | "no" => Ok("off".to_owned()),
                _ => Err(refuse("on or off".to_owned())),
            },
            Takes::Number(least, most) => match value.parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(number.to_string()),
                _ => Err(refuse(format!("a whole number from {least} to {most}"))),
            },
            Takes::OneOf(words) => match words.iter().find(|word| word.eq_ignore_ascii_case(value))
            {
                Some(word) => Ok((*word).to_owned()),
                None => Err(refuse(format!("one of {}", words.join(", ")))),
            },
            Takes::Interval if is_interval(value) => Ok(value.to_owned()),
            Takes::Interval => Err(refuse("an interval such as '15 minutes', or 0".to_owned())),
            Takes::TimeZone => match value.parse::<arrow::array::timezone::Tz>() {
                Ok(_) => Ok(value.to_owned()),
                Err(_) => Err(refuse("a time zone such as 'Europe/Berlin' or '+02:00'".to_owned())),
            },
        }
    }

    /// Writes a kept value into the options a plan is made with.
    pub(crate) fn apply(&self, options: &mut ConfigOptions, value: &str) -> Result<()> {
        let value = match (self.takes, value) {
            (Takes::Switch, "on") => "true",
            (Takes::Switch, "off") => "false",
            _ => value,
        };
        Ok(options.set(self.key, value)?)
    }

    /// The value in effect, the way it is kept.
    pub(crate) fn value(&self, options: &ConfigOptions) -> String {
        // Our own entries are listed without their prefix.
        let own = self.key.strip_prefix("pareto.").unwrap_or(self.key);
        let entry =
            options.entries().into_iter().find(|entry| entry.key == self.key || entry.key == own);
        let value = entry.and_then(|entry| entry.value).unwrap_or_default();
        match (self.takes, value.as_str()) {
            (Takes::Switch, "true") => "on".to_owned(),
            (Takes::Switch, "false") => "off".to_owned(),
            _ => value,
        }
    }
}

/// `0`, or a number and a unit from seconds to days.
fn is_interval(value: &str) -> bool {
    if value == "0" {
        return true;
    }
    let mut words = value.split_whitespace();
    let (Some(number), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix('s').unwrap_or(&unit);
    number.parse::<u32>().is_ok() && ["second", "minute", "hour", "day"].contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_applies() {
        let mut options = ConfigOptions::default();
        options.extensions.insert(ParetoOptions::default());
        for setting in SETTINGS {
            let value = setting.value(&options);
            if !value.is_empty() {
                setting.apply(&mut options, &setting.normalize(&value).unwrap()).unwrap();
            }
        }
        find("pareto.rewrite").unwrap().apply(&mut options, "off").unwrap();
        assert_eq!(find("PARETO.rewrite").unwrap().value(&options), "off");
    }

    #[test]
    fn unknown_settings_are_refused_with_the_nearest() {
        let error = find("pareto.rewrit").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean \"pareto.rewrite\"?"));
        let error = find("batch_size").unwrap_err();
        assert_eq!(
            error.hint.as_deref(),
            Some("did you mean \"datafusion.execution.batch_size\"?")
        );
        assert!(find("datafusion.catalog.default_catalog").is_err());
    }

    #[test]
    fn values_are_checked() {
        let check = |key: &str, value: &str, expected: Option<&str>| {
            assert_eq!(
                find(key).unwrap().normalize(value).ok().as_deref(),
                expected,
                "{key} = {value}"
            );
        };
        check("pareto.rewrite", "TRUE", Some("on"));
        check("pareto.rewrite", "maybe", None);
        check("datafusion.execution.batch_size", "0", None);
        check("datafusion.execution.batch_size", "4096", Some("4096"));
        check("pareto.max_staleness", "15 minutes", Some("15 minutes"));
        check("pareto.max_staleness", "soon", None);
        check("datafusion.execution.time_zone", "+02:00", Some("+02:00"));
        check("datafusion.execution.time_zone", "Moon/Sea", None);
    }
}
