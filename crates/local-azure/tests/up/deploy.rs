//! This repository's own deployment: its script, and the commands of its documents.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use local_azure::testing::patiently;

use crate::running::{PROGRAM, Up, checkout, marked, path_with_azure_cli};
use crate::tutorial::{assignments, copy, file, value};

/// A copy of what the script and the documents use of the checkout, because they write into it.
struct Checkout(tempfile::TempDir);

impl Checkout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["infra", "package"] {
            copy(&checkout().join(name), &folder.path().join(name));
        }
        fs::create_dir_all(folder.path().join("docs/screenshots")).unwrap();
        for name in ["start.sh", "docs/screenshots/list-wide.png"] {
            fs::copy(checkout().join(name), folder.path().join(name)).unwrap();
        }
        // The real script takes minutes to build the site.
        let script = folder.path().join("package.sh");
        let pack = match std::env::var_os("LOCAL_AZURE_PACKAGE") {
            Some(package) => format!("cp '{}' dist/restaurant-review.zip", Path::new(&package).display()),
            None => format!(
                "test -e dist/restaurant-review.zip || python3 package/zip.py dist/restaurant-review.zip \
                 restaurant-review='{}' start.sh requirements.txt=package/oryx-requirements.txt",
                site().display()
            ),
        };
        fs::write(&script, format!("#!/bin/sh\nset -e\nmkdir -p dist\n{pack}\n")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// Runs commands in this folder, in a shell with Azure's names.
    async fn bash(&self, up: &Up, commands: &str) -> String {
        let path = path_with_azure_cli();
        let script = format!("cd '{}'\n{commands}", self.0.path().display());
        up.say(&["shell", "--", "env", path.as_str(), "bash", "-e", "-c", &script])
            .await
    }

    /// A name that the script chose.
    fn chosen(&self, name: &str) -> String {
        let names = fs::read_to_string(self.0.path().join(".azure/deploy.env")).unwrap();
        let mut lines = names.lines().filter_map(|line| line.split_once('='));
        lines.find(|line| line.0 == name).unwrap().1.to_owned()
    }
}

/// The site that `cargo build` built.
fn site() -> PathBuf {
    let site = Path::new(PROGRAM).with_file_name("restaurant-review");
    assert!(
        site.exists(),
        "the site is not built: run ./test.sh, or cargo build --workspace"
    );
    site
}

/// Deploys, deploys again, and deletes.
#[tokio::test]
async fn the_script_deploys_the_site_again_and_again() {
    let up = Up::start_empty().await;
    let folder = up.folder();
    let (before, assignments_before) = (marked(&folder).len(), assignments(&up));
    let checkout = Checkout::new();
    let deploy = "ADMIN_PRINCIPALS=developer@contoso.onmicrosoft.com infra/deploy.sh";
    let said = checkout.bash(&up, deploy).await;
    assert!(said.contains("The site is running"), "{said}");
    let app = checkout.chosen("APP_NAME");
    let site = format!("https://{app}.azurewebsites.net");
    let visit = format!(
        "python3 {} {site} {} && python3 {} {site}",
        file("azure_cli/story.py"),
        file("up/orange.png"),
        file("azure_cli/staff.py")
    );
    let said = checkout.bash(&up, &visit).await;
    assert!(said.contains("The story ends well."), "{said}");
    assert!(said.contains("The staff get in."), "{said}");

    // The same site, at its address on this machine, with the same data after another run.
    let said = checkout.bash(&up, "infra/deploy.sh").await;
    assert!(said.contains("The site is running"), "{said}");
    assert_eq!(checkout.chosen("APP_NAME"), app);
    let front = up.get_from(&app, "/").await;
    assert_eq!(front.status(), 200);
    assert!(front.text().await.unwrap().contains("Contoso Café"));

    // Nothing is deleted without the name of the group, and nothing is left with it.
    let names = ["APP_NAME", "PLAN_NAME", "DB_SERVER", "STORAGE_ACCOUNT", "IDENTITY"];
    let names = names.map(|name| checkout.chosen(name));
    let delete = "! infra/deploy.sh --delete <<<another && infra/deploy.sh --delete <<<restaurant-review";
    let said = checkout.bash(&up, delete).await;
    assert!(said.contains("Nothing was deleted."), "{said}");
    assert_nothing_is_left(&up, &names, before, assignments_before).await;
}

/// Nothing of these resources is left in the state folder.
async fn assert_nothing_is_left(up: &Up, names: &[String], processes: usize, assignments_before: usize) {
    let folder = up.folder();
    let state = fs::read_to_string(folder.join("state.json")).unwrap();
    for name in names {
        assert!(!state.contains(name), "{name} is left: {state}");
        for kind in ["apps", "postgres"] {
            assert!(!folder.join(kind).join(name).exists(), "{kind}/{name} is left");
        }
    }
    assert_eq!(assignments(up), assignments_before);
    patiently("its processes have ended", async || {
        (marked(&folder).len() <= processes).then_some(())
    })
    .await;
}

/// The tutorial and the operations, in their order. Whatever they need that is not emulated is refused.
#[tokio::test]
async fn the_documents_commands_run() {
    let up = Up::start_empty().await;
    let folder = up.folder();
    let (before, assignments_before) = (marked(&folder).len(), assignments(&up));
    let checkout = Checkout::new();
    let visit = format!("python3 {} $SITE {}", file("azure_cli/story.py"), file("up/orange.png"));
    let mut commands = commands("tutorial.md");
    commands.push(visit.clone());
    commands.push(format!("python3 {} $SITE", file("azure_cli/staff.py")));
    commands.extend(self::commands("operations.md"));
    commands.push(visit);
    // The site does not run without a registry of containers, and the last commands delete it.
    let at_the_end = ["az acr ", "az ad app delete ", "az group delete "];
    commands.sort_by_key(|command| {
        let position = at_the_end.iter().position(|word| command.contains(word));
        position.map_or(0, |position| position + 1)
    });
    let script = format!(
        "NOT_EMULATED='{}'\n. {}\n{}\necho \"NAMES=$APP_NAME $DB_SERVER $STORAGE_ACCOUNT $IDENTITY\"",
        not_emulated(),
        file("azure_cli/documents.sh"),
        commands.join("\n")
    );
    let said = checkout.bash(&up, &script).await;
    assert!(said.to_lowercase().contains("location: /1/"), "{said}");
    assert!(said.contains("The staff get in."), "{said}");
    assert_eq!(said.matches("The story ends well.\n").count(), 2, "{said}");
    let names: Vec<_> = value(&said, "NAMES").split(' ').map(str::to_owned).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_nothing_is_left(&up, &names, before, assignments_before).await;
}

/// The commands of a document for a shell: its blocks, and `az` with options in its sentences.
fn commands(document: &str) -> Vec<String> {
    let text = fs::read_to_string(checkout().join("docs").join(document)).unwrap();
    let parts: Vec<_> = text.split("```").collect();
    let blocks = parts.iter().skip(1).step_by(2);
    let blocks = blocks.filter_map(|block| block.strip_prefix("sh\n"));
    let sentences = parts.iter().step_by(2).copied().collect::<String>();
    let inline = sentences.split('`').skip(1).step_by(2);
    let inline = inline.filter(|code| code.starts_with("az ") && code.contains(" --"));
    // Another test runs the script, and this one has a copy of the checkout.
    let left_out = ["git clone ", "infra/deploy.sh\n", ".azure/deploy.env"];
    let commands = blocks
        .map(str::to_owned)
        .chain(inline.map(|code| code.replace('\n', " ")));
    commands
        .filter(|command| !left_out.iter().any(|word| command.contains(word)))
        .map(|command| command.replace("<owner>/<repository>", "contoso/restaurant-review"))
        .collect()
}

/// What docs/local-azure.md lists as not emulated, as a regular expression.
fn not_emulated() -> String {
    let text = fs::read_to_string(checkout().join("docs/local-azure.md")).unwrap();
    let (_, table) = text.split_once("| Not emulated |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let commands = rows.flat_map(|row| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2));
    commands.collect::<Vec<_>>().join("|").replace('…', ".*")
}
