//! The manual of the functions, written from their contracts.
//!
//! `docs/functions.md` is [`manual`] and nothing else. The test below fails when the two differ;
//! with `UPDATE_DOCS=1` it writes the file instead. Every example in it is run by the tests.

use std::fmt::Write;

use crate::function::{Otherwise, Spec};
use crate::segment::maps::MAPS;
use crate::{chains, functions};

/// The whole manual as Markdown.
pub fn manual() -> String {
    let mut text = String::from(
        "# Functions\n\n<!-- Written from the functions themselves: UPDATE_DOCS=1 cargo test -p \
         pareto-udfs -->\n\nEverything DataFusion has, and these. Optional arguments are named: \
         `rfm_score(total, 5, side => 'mid')`; NULL stands for the default. Window functions look at \
         their whole partition: `OVER ()` is every row, and no ORDER BY is needed. Examples run as \
         they stand.\n",
    );
    let functions = functions();
    let mut package = "";
    for function in &functions {
        if function.spec().package != package {
            package = function.spec().package;
            push(&mut text, format_args!("\n## {package}\n"));
        }
        chapter(&mut text, function.spec(), &function.signature(), function.kind());
    }
    let about = "A chain is given a table by name and stands for a few lines of SQL over the functions above, \
                 which EXPLAIN shows. They are part of Pareto's SQL, not of the library for DataFusion.";
    push(&mut text, format_args!("\n## Chains\n\n{about}\n"));
    for spec in chains() {
        chapter(&mut text, spec, &format!("SELECT ... FROM {}", spec.signature()), "table");
    }
    push(
        &mut text,
        format_args!(
            "\n## Segment maps\n\nThe first rule that matches wins; segment_map lists them.\n"
        ),
    );
    for map in MAPS {
        let names: Vec<&str> = map.rules.iter().map(|rule| rule.segment).collect();
        push(
            &mut text,
            format_args!("\n* `{}`: {} In order: {}.", map.name, map.about, names.join(", ")),
        );
    }
    text.push('\n');
    text
}

fn chapter(text: &mut String, spec: &Spec, signature: &str, kind: &str) {
    push(text, format_args!("\n### {}\n\n```sql\n{signature}\n```\n\n", spec.name));
    push(text, format_args!("{} ({kind} function", spec.summary));
    for alias in spec.aliases {
        push(text, format_args!("; also called `{alias}`"));
    }
    text.push_str(")\n\n| Argument | Takes | Default | Meaning |\n|---|---|---|---|\n");
    for parameter in spec.parameters {
        let otherwise = match parameter.otherwise {
            Otherwise::Required => "required".to_owned(),
            Otherwise::Absent => "none".to_owned(),
            Otherwise::Is(value) => format!("`{value}`"),
        };
        let accepts = parameter.kind.accepts();
        let row = format_args!(
            "| `{}` | {accepts} | {otherwise} | {} |\n",
            parameter.name, parameter.about
        );
        push(text, row);
    }
    let parts = [
        ("Returns", spec.returns),
        ("NULL", spec.nulls),
        ("Ties", spec.ties),
        ("Errors", spec.errors),
        ("Formula", spec.formula),
        ("Source", spec.source),
    ];
    text.push('\n');
    for (name, part) in parts {
        push(text, format_args!("* **{name}.** {part}\n"));
    }
    let answer = spec.answer.join("\n");
    push(text, format_args!("\n```sql\n{};\n```\n```text\n{answer}\n```\n", spec.example));
}

/// Writing to a `String` cannot fail.
fn push(text: &mut String, part: std::fmt::Arguments) {
    let _ = text.write_fmt(part);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::manual;
    use crate::testing::rows;
    use crate::{chains, functions};

    #[test]
    fn the_manual_is_in_step() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/functions.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, manual()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == manual(),
            "docs/functions.md is out of step: run UPDATE_DOCS=1 cargo test -p pareto-udfs"
        );
    }

    #[test]
    fn every_example_gives_its_answer() {
        for function in functions() {
            let spec = function.spec();
            assert_eq!(rows(spec.example), spec.answer, "{}", spec.name);
        }
    }

    /// A chain needs a host with tables: the engine runs these.
    #[test]
    fn every_example_of_a_chain_is_a_specification() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/slt/chains/examples.slt");
        let specified = std::fs::read_to_string(path).unwrap();
        for spec in chains() {
            let expected = format!("\n{}\n----\n{}\n", spec.example, spec.answer.join("\n"));
            assert!(specified.contains(&expected), "{expected}");
        }
    }

    #[test]
    fn names_are_unique_and_lower_case() {
        let mut names: Vec<&str> = vec![];
        for function in functions() {
            names.push(function.name());
            names.extend(function.aliases());
        }
        names.extend(chains().map(|spec| spec.name));
        let count = names.len();
        assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
