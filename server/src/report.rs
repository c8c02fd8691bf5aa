//! The customer-value report: a list of questions, each a file of SQL that anyone can read, run and change.
//!
//! Every part is printed as its title, the SQL that made it, and the answer. The files are
//! `demo/report/NAME.sql`; their first lines, comments, are the title and what the answer means. To add a part, add a
//! file and a line in [`PARTS`].
//!
//! Example: `pareto sql --warehouse ./pareto-demo -f server/src/demo/report/star_pyramid.sql` prints one part.

use std::io::Write;
use std::sync::Arc;

use crate::cli::connection::Connection;
use crate::cli::error::Result;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::Printer;
use crate::cli::run;

/// The parts, in the order of reading: first the generated star, then the real purchases.
const PARTS: &[&str] = &[
    include_str!("demo/report/star_pyramid.sql"),
    include_str!("demo/report/star_concentration.sql"),
    include_str!("demo/report/star_money_deciles.sql"),
    include_str!("demo/report/star_purchase_deciles.sql"),
    include_str!("demo/report/star_rfm_scores.sql"),
    include_str!("demo/report/star_rfm_segments.sql"),
    include_str!("demo/report/star_segment_migration.sql"),
    include_str!("demo/report/star_value_matrix.sql"),
    include_str!("demo/report/star_lifetime_value.sql"),
    include_str!("demo/report/star_segment_cube.sql"),
    include_str!("demo/report/star_monthly_active.sql"),
    include_str!("demo/report/cdnow_concentration.sql"),
    include_str!("demo/report/cdnow_deciles.sql"),
    include_str!("demo/report/cdnow_rfm_segments.sql"),
];

/// Prints the whole report.
pub(crate) async fn print<W: Write + Send>(
    connection: &Arc<Connection>,
    printer: &mut Printer<W>,
    interrupt: &mut Interrupt,
) -> Result<()> {
    for (index, part) in PARTS.iter().enumerate() {
        let (title, sql) = split(part);
        let heading = format!("{}. {title}", index + 1);
        let rule = "=".repeat(heading.chars().count());
        let gap = if index == 0 { "" } else { "\n" };
        printer.text(&format!("{gap}{heading}\n{rule}\n\n{sql}\n\n"))?;
        let sql = sql.trim_end_matches(';');
        printer.restart();
        run::run(connection, sql, printer, interrupt).await?;
    }
    Ok(())
}

/// The title (the first line, a comment) and the rest.
fn split(part: &str) -> (&str, &str) {
    let (title, sql) = part.trim().split_once('\n').unwrap_or(("", part));
    (title.trim_start_matches('-').trim(), sql.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_title_and_one_statement() {
        for part in PARTS {
            let (title, sql) = split(part);
            assert!(part.starts_with("-- "), "{part}");
            assert!((10..=90).contains(&title.len()), "{title}");
            assert!(sql.ends_with(';'), "{title}");
            assert_eq!(pareto_engine::Session::split(sql).unwrap().len(), 1, "{title}");
        }
    }

    #[test]
    fn parts_fit_a_page() {
        for part in PARTS {
            assert!(part.lines().all(|line| line.chars().count() <= 110), "{part}");
        }
    }
}
