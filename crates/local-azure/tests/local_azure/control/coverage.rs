//! The table of commands in docs/local-azure.md.

use std::fs;
use std::path::Path;

/// Each command of the table occurs in the test that its row names.
#[test]
fn every_command_that_is_documented_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("../../docs/local-azure.md")).unwrap();
    let (_, table) = document.split_once("| Commands | What is enforced").unwrap();
    let rows: Vec<_> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "{rows:?}");
    let quoted = |text: &str| {
        text.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").collect();
        let tests = quoted(cells.last().unwrap());
        assert_eq!(tests.len(), 1, "{row}");
        let script = fs::read_to_string(root.join("tests").join(&tests[0])).unwrap();
        // The scripts' functions call az, and put the words of the command into variables.
        let script = script
            .replace("\"${credential[@]}\"", "identity federated-credential")
            .replace('\\', " ");
        let mut before = String::new();
        for command in quoted(cells[0]) {
            let words = match command.strip_prefix("az ") {
                Some(words) => words.to_owned(),
                // `update` after `az identity federated-credential create`.
                None => format!("{} {command}", before.rsplit_once(' ').unwrap().0),
            };
            let is_tested = script
                .lines()
                .any(|line| format!("{line} ").contains(&format!("{words} ")));
            assert!(is_tested, "{words} is not in {}", tests[0]);
            before = words;
        }
    }
}
