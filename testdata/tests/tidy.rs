//! The rules of the house, checked by reading the tree.
//!
//! What a lint can hold, a lint holds (the tables in the root `Cargo.toml` and `clippy.toml`).
//! What is left is here: how long a file is, how it opens, which package may name which, where
//! things are kept, and that the tiny star's files say what their README says. Every finding is
//! reported with its file, all at once.
//!
//! It reads only; it never builds or runs anything, and knows no package but by its files.
//!
//! ```text
//! engine/src/session.rs: 612 lines before its tests; split it before 600 (STYLE.md)
//! ```

#[cfg(test)]
mod tests {
    use pareto_testdata::{folder, star, tiny};
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};
    use toml::Table;

    /// The packages, and the packages of ours that each may depend on.
    ///
    /// `testdata` is there for the tests of all, and for `pareto demo`, which loads it.
    const MAY_KNOW: [(&str, &[&str]); 6] = [
        ("catalog", &[]),
        ("udfs", &[]),
        ("testdata", &[]),
        ("engine", &["catalog", "udfs"]),
        ("server", &["engine", "testdata"]),
        ("benches", &["catalog", "udfs", "engine", "server", "testdata"]),
    ];

    const LINES_MAX: usize = 600;

    fn root() -> &'static Path {
        folder().parent().unwrap()
    }

    /// All files of the six packages with an extension, with their path from the root.
    fn files(extension: &str) -> Vec<(String, String)> {
        fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, extension, found);
                } else if path.extension().is_some_and(|e| e == extension) {
                    found.push(path);
                }
            }
        }
        let mut found = Vec::new();
        for (package, _) in MAY_KNOW {
            walk(&root().join(package), extension, &mut found);
        }
        found.sort();
        let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
        found.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
    }

    /// Runs a rule on every Rust file; it returns what is wrong, or nothing.
    fn check(rule: impl Fn(&str, &str) -> Option<String>) {
        let found: Vec<String> = files("rs")
            .iter()
            .filter_map(|(name, text)| rule(name, text).map(|wrong| format!("{name}: {wrong}")))
            .collect();
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }

    /// The code of a file without comments and without its tests.
    fn code(text: &str) -> impl Iterator<Item = &str> {
        before_tests(text).filter(|line| !line.trim_start().starts_with("//"))
    }

    fn before_tests(text: &str) -> impl Iterator<Item = &str> {
        text.lines().take_while(|line| line.trim() != "#[cfg(test)]")
    }

    fn manifest(package: &str) -> Table {
        fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap().parse().unwrap()
    }

    fn names_of<'a>(manifest: &'a Table, section: &str) -> BTreeSet<&'a str> {
        let table = manifest.get(section).and_then(toml::Value::as_table);
        table.map(|table| table.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    #[test]
    fn a_file_is_small_enough_to_see() {
        check(|name, text| {
            let lines = before_tests(text).count();
            // A file under tests/ is all tests; it is held to the same length.
            let lines = if name.contains("/tests/") { text.lines().count() } else { lines };
            (lines > LINES_MAX)
                .then(|| format!("{lines} lines before its tests; split it before {LINES_MAX}"))
        });
    }

    #[test]
    fn a_file_opens_with_its_story() {
        check(|_, text| (!text.starts_with("//! ")).then(|| "begins without a `//!` story".into()));
    }

    #[test]
    fn lints_are_silenced_by_expectation_with_a_reason() {
        check(|_, text| {
            let silent =
                ["allow(", "expect("].map(|word| [format!("#[{word}"), format!("#![{word}")]);
            let [allow, expect] = silent;
            if code(text).any(|line| allow.iter().any(|word| line.contains(word))) {
                return Some("uses `allow`; use `expect` with a reason".into());
            }
            let expects = text.matches(&expect[0]).count() + text.matches(&expect[1]).count();
            let reasons = text.matches("reason = \"").count();
            (expects > reasons).then(|| "an `expect` without a reason".into())
        });
    }

    #[test]
    fn modules_are_named_for_what_they_hold() {
        check(|name, _| {
            let stem = Path::new(name).file_stem().unwrap().to_str().unwrap();
            let vague = ["mod", "utils", "util", "common", "helpers", "helper", "misc"];
            vague.contains(&stem).then(|| format!("nothing is called `{stem}` here; name it"))
        });
    }

    #[test]
    fn no_test_is_switched_off() {
        let mark = ["#[", "ignore"].concat();
        check(|_, text| {
            text.contains(&mark).then(|| "a test is ignored; mend or delete it".into())
        });
    }

    #[test]
    fn packages_depend_downwards_only() {
        let mut wrong = Vec::new();
        for (package, may) in MAY_KNOW {
            let manifest = manifest(package);
            for name in names_of(&manifest, "dependencies") {
                if let Some(other) =
                    name.strip_prefix("pareto-").filter(|other| !may.contains(other))
                {
                    wrong.push(format!("{package} must not depend on {other}"));
                }
            }
            for name in names_of(&manifest, "dev-dependencies") {
                let other = name.strip_prefix("pareto-").unwrap_or("testdata");
                if other != "testdata" && !may.contains(&other) {
                    wrong.push(format!("{package}'s tests must not depend on {other}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn each_world_is_named_in_its_own_package_only() {
        let grpc = ["tonic", "arrow-flight", "prost", "axum"];
        let worlds = BTreeMap::from([
            ("catalog", grpc.to_vec()),
            // Plans of Substrait are messages of `prost` too; the test after this one says where.
            ("engine", vec!["tonic", "arrow-flight", "axum", "deltalake-core"]),
            ("udfs", [&grpc[..], &["deltalake-core", "object_store", "tokio"]].concat()),
            ("server", vec!["deltalake-core"]),
            ("testdata", [&grpc[..], &["deltalake-core", "datafusion"]].concat()),
        ]);
        let mut wrong = Vec::new();
        for (package, foreign) in worlds {
            let manifest = manifest(package);
            let named = names_of(&manifest, "dependencies");
            let found = foreign.into_iter().filter(|name| named.contains(name));
            wrong.extend(found.map(|name| format!("{package} must not know {name}")));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn of_the_engine_only_substrait_names_messages() {
        check(|name, text| {
            let named = text.contains(&["prost", "::"].concat());
            let wrong =
                name.starts_with("engine/src/") && !name.starts_with("engine/src/substrait");
            (named && wrong).then(|| "only engine/src/substrait may name prost".to_owned())
        });
    }

    #[test]
    fn only_the_table_log_names_delta() {
        check(|name, text| {
            let word = ["deltalake", "core"].join("_");
            let named = text
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && line.contains(&word));
            (named
                && !name.starts_with("catalog/src/table_log")
                && !name.starts_with("testdata/tests"))
            .then(|| "names deltalake_core; only catalog/src/table_log may".into())
        });
    }

    #[test]
    fn every_package_takes_the_lints_and_has_one_test_binary() {
        let mut wrong = Vec::new();
        for (package, _) in MAY_KNOW {
            let manifest = manifest(package);
            let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
            if lints.and_then(toml::Value::as_bool) != Some(true) {
                wrong.push(format!("{package}/Cargo.toml: no `[lints] workspace = true`"));
            }
            let autotests = manifest.get("package").and_then(|package| package.get("autotests"));
            if autotests.and_then(toml::Value::as_bool) != Some(false) {
                wrong.push(format!("{package}/Cargo.toml: no `autotests = false`"));
            }
            let tests = manifest.get("test").and_then(toml::Value::as_array).map_or(0, Vec::len);
            if tests > 2 {
                // One linked binary, and at most one more whose harness is its own (`.slt` files).
                wrong.push(format!("{package}/Cargo.toml: {tests} test binaries; one is enough"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn every_package_of_the_workspace_is_known_here() {
        let workspace: Table =
            fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
        let members = workspace["workspace"]["members"].as_array().unwrap();
        let members: BTreeSet<&str> =
            members.iter().map(|member| member.as_str().unwrap()).collect();
        assert_eq!(members, MAY_KNOW.iter().map(|(package, _)| *package).collect());
    }

    /// The tiny star has the columns of the generated one, and the totals of its README.
    #[test]
    fn the_tiny_star_says_what_its_readme_says() {
        for table in star::tables() {
            let header = tiny::csv(table).unwrap().lines().next().unwrap();
            let schema = star::schema(table);
            let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            assert_eq!(header, columns.join(","), "{table}.csv");
        }
        let cells = |column: usize| {
            let rows = tiny::csv("sales").unwrap().lines().skip(1);
            rows.map(move |row| row.split(',').nth(column).unwrap().replace('.', ""))
                .collect::<Vec<_>>()
        };
        let sum =
            |column| cells(column).iter().map(|cell| cell.parse::<i64>().unwrap()).sum::<i64>();
        let totals = [8, 9, 10, 11, 12, 13].map(sum);
        assert_eq!(totals, [41, 102_000, 2_000, 100_000, 68_000, 32_000]);
        assert_eq!(cells(0).len(), 22);
        assert_eq!(cells(1).iter().collect::<BTreeSet<_>>().len(), 17);
        for (column, dimension) in
            [(2, "calendar"), (3, "customer"), (4, "product"), (5, "store"), (6, "channel")]
        {
            let rows = tiny::csv(dimension).unwrap().lines().skip(1);
            let keys: BTreeSet<String> =
                rows.map(|row| row.split(',').next().unwrap().to_owned()).collect();
            assert!(cells(column).iter().all(|key| keys.contains(key)), "a key of {dimension}");
        }
    }
}
