//! The examples, by the commands of docs/your-own-app.md.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use futures_util::future::join_all;
use tokio::process::Command;

use crate::running::{PROGRAM, Up, checkout, path_with_azure_cli};

const PAGE: &str = "docs/your-own-app.md";

/// An example: the page's section about it, and its folder. The section has two blocks of commands: the first deploys it,
/// and the second runs its integration test.
type Example = (&'static str, &'static str);

const FLASK: Example = ("Flask", "flask");
const DJANGO: Example = ("Django", "django");
const NODE: Example = ("Node.js", "node");
const RUST: Example = ("Rust", "rust");

fn folder((_, name): Example) -> PathBuf {
    checkout().join("examples").join(name)
}

/// The blocks of commands in a section of a document.
pub fn commands(document: &str, section: &str) -> Vec<String> {
    let text = fs::read_to_string(checkout().join(document)).unwrap();
    let (_, text) = text.split_once(&format!("\n## {section}\n")).unwrap();
    let text = text.split("\n## ").next().unwrap();
    let blocks = text.split("```").skip(1).step_by(2);
    blocks
        .filter_map(|block| block.strip_prefix("sh\n").map(str::to_owned))
        .collect()
}

/// The program of the example in Rust, which the page builds outside of the shell.
fn assert_the_program_is_built() {
    assert!(
        Path::new(PROGRAM).with_file_name("files").exists(),
        "an example is not built: run ./test.sh, or cargo build --workspace"
    );
}

/// Everything that a person types in the shell for one example.
async fn deploy(up: &Up, example: Example) {
    let mut typed = vec![format!("cd '{}'", folder(example).display())];
    typed.push(commands(PAGE, example.0).swap_remove(0));
    for section in ["Try it", "Delete it"] {
        typed.extend(commands(PAGE, section));
    }
    let path = path_with_azure_cli();
    let said = up
        .say(&["shell", "--", "env", &path, "bash", "-e", "-c", &typed.join("\n")])
        .await;
    let size = fs::metadata(checkout().join("examples/create.sh")).unwrap().len();
    assert!(said.contains(&format!("create.sh {size}\n")), "{example:?}: {said}");
}

#[tokio::test]
async fn the_examples_are_deployed_as_written() {
    assert_the_program_is_built();
    let up = Up::start_empty().await;
    // One after the other, because processes of the Azure CLI share a file with tokens, which one may read while another one
    // writes it.
    for example in [FLASK, DJANGO, NODE, RUST] {
        deploy(&up, example).await;
    }
}

/// Runs an integration test, which starts a Local Azure of its own, and says that all three of its tests pass.
async fn test(example: Example) {
    let programs = Path::new(PROGRAM).parent().unwrap().to_owned();
    let path = path_with_azure_cli();
    let path = path.strip_prefix("PATH=").unwrap();
    let path = env::join_paths([programs].into_iter().chain(env::split_paths(path))).unwrap();
    let output = Command::new("bash")
        .args(["-e", "-c", &commands(PAGE, example.0)[1]])
        .current_dir(folder(example))
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let all = said.contains("3 passed") || said.contains("pass 3");
    assert!(output.status.success() && all, "{example:?}: {said}");
}

/// `./test.sh` runs the one in Rust beside the tests of Local Azure.
#[tokio::test]
async fn the_integration_tests_of_the_examples_pass() {
    join_all([FLASK, DJANGO, NODE].map(test)).await;
}

#[test]
fn other_documents_have_the_commands_of_the_page() {
    let page = fs::read_to_string(checkout().join(PAGE)).unwrap();
    for (document, section) in [
        ("README.md", "Use it for your own app"),
        ("docs/local-azure.md", "Your app in three minutes"),
    ] {
        let blocks = commands(document, section);
        assert_eq!(blocks.len(), 1, "{document}");
        for line in blocks[0].lines().filter(|line| !line.starts_with("cd ")) {
            let command = line.split("  #").next().unwrap().trim_end();
            assert!(page.contains(command), "{document}: {command}");
        }
    }
}
