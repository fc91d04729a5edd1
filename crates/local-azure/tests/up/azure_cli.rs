//! The Azure CLI in `local-azure shell`.

use std::path::Path;

use local_azure::testing::patiently;

use crate::running::{Up, command, path_with_azure_cli};

/// Runs a script of `tests/azure_cli` in a shell.
async fn run(up: &Up, script: &str, variables: &[(&str, String)]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/azure_cli")
        .join(script);
    let path = path_with_azure_cli();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut arguments = vec!["shell", "--", "env", path.as_str()];
    arguments.extend(variables.iter().map(String::as_str));
    // The words of a shell come first on its own path.
    let script = format!("PATH=$LOCAL_AZURE_WORDS:$PATH; . {}", script.display());
    arguments.extend(["bash", "-e", "-c", &script]);
    up.say(&arguments).await
}

/// Whoever pastes the guide of another emulator finds that it works.
#[tokio::test]
async fn the_guide_runs_as_it_stands() {
    let up = Up::start_empty().await;
    let said = run(&up, "guide.sh", &[]).await;
    for expected in [
        "\"name\": \"rg-managedidentity-demo\"",
        "\"provisioningState\": \"Succeeded\"",
        "\"environment\": \"test\"",
        "\"environment\": \"dev\"",
        "\"type\": \"Microsoft.ManagedIdentity/userAssignedIdentities\"",
        "\"type\": \"SystemAssigned\"",
        "\"clientId\": ",
        "\"principalId\": ",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // Everything survives kill -9.
    let mut up = up;
    up.kill();
    let up = up.start_again().await;
    let arguments = ["webapp", "identity", "show", "--name", "ls-app-doc77"];
    let said = up
        .az(&[&arguments[..], &["--resource-group", "rg-managedidentity-demo"]].concat())
        .await;
    assert!(said.contains("SystemAssigned"), "{said}");
    // The log says who did what.
    let log = up.say(&["logs", "control", "-n", "50"]).await;
    assert!(
        log.contains("/subscriptions") && log.contains("by developer@contoso.onmicrosoft.com: 200"),
        "{log}"
    );
}

#[tokio::test]
async fn resources_roles_and_locks() {
    let up = Up::start_empty().await;
    run(&up, "resources.sh", &[]).await;
}

#[tokio::test]
async fn plans_and_web_apps() {
    let up = Up::start_empty().await;
    run(&up, "web.sh", &[]).await;
}

/// `up --store` keeps what is not emulated, and says so.
#[tokio::test]
async fn resources_that_are_only_stored() {
    let up = Up::start_empty_with(&["--store", "all"]).await;
    run(&up, "stored.sh", &[]).await;
    let group = ["group", "create", "--name", "kept", "--location", "westeurope"];
    up.az(&group).await;
    up.az(&["network", "vnet", "create", "--name", "v", "--resource-group", "kept"])
        .await;
    let status = up.say(&["status"]).await;
    assert!(status.contains("Microsoft.Network/virtualNetworks: 1"), "{status}");
    let log = up.log();
    assert!(log.contains("virtualNetworks/v is only stored"), "{log}");
}

#[tokio::test]
async fn deployments() {
    let up = Up::start_empty().await;
    run(&up, "deployments.sh", &[]).await;
}

#[tokio::test]
async fn storage_accounts() {
    let up = Up::start_empty().await;
    run(&up, "storage.sh", &[]).await;
}

#[tokio::test]
async fn postgresql_servers() {
    let up = Up::start_empty().await;
    run(&up, "postgres.sh", &[]).await;
    // The firewall refused two connections, and later another one.
    let refusals = up.log().matches(" refuses connections: ").count();
    assert_eq!(refusals, 2, "{}", up.log());
}

/// Microsoft's tutorial of 2023 finds the commands of its time.
#[tokio::test]
async fn spellings_of_earlier_clis() {
    let up = Up::start_empty().await;
    run(&up, "earlier_spellings.sh", &[]).await;
}

#[tokio::test]
async fn users_applications_and_sign_ins() {
    let up = Up::start_empty().await;
    let subject = "system:serviceaccount:default:site";
    let token = up.say(&["workload-token", subject]).await;
    let status = up.say(&["status"]).await;
    let issuer = status
        .split_whitespace()
        .find(|word| word.starts_with("https://localhost:") && word.ends_with('/'));
    let credential = format!(
        "{{\"name\": \"cluster\", \"issuer\": \"{}workload\", \"subject\": \"{subject}\", \"audiences\": \
         [\"api://AzureADTokenExchange\"]}}",
        issuer.unwrap()
    );
    run(
        &up,
        "directory.sh",
        &[
            ("WORKLOAD_CREDENTIAL", credential),
            ("WORKLOAD_TOKEN", token.trim().to_owned()),
        ],
    )
    .await;
}

/// `az login --identity` works by IMDS in a shell, and by App Service as an app.
#[tokio::test]
async fn managed_identities_sign_in() {
    let up = Up::start().await;
    let home = tempfile::tempdir().unwrap();
    let path = path_with_azure_cli();
    for (name, shell) in [
        ("imds", &["shell"][..]),
        ("app", &["shell", "--as", "restaurant-review"]),
    ] {
        let folder = format!("AZURE_CONFIG_DIR={}", home.path().join(name).display());
        let script = "az login --identity ${AZURE_CLIENT_ID:+--client-id $AZURE_CLIENT_ID} --allow-no-subscriptions \
                      >/dev/null && az account show --query user.assignedIdentityInfo --output tsv && az group list";
        let arguments = ["--", "env", &path, &folder, "bash", "-c", script];
        let said = up.say(&[shell, &arguments].concat()).await;
        assert!(said.contains("MSI"), "{name}: {said}");
    }
    // The CLI outside of the shell is not touched.
    let own = command(&up.folder(), &["shell", "--", "sh", "-c", "echo $AZURE_CONFIG_DIR"]).await;
    let own = String::from_utf8(own.stdout).unwrap();
    assert!(own.trim().starts_with(up.folder().to_str().unwrap()), "{own}");
    patiently("the profile is in the state folder", async || {
        up.folder().join("azure-cli/azureProfile.json").exists().then_some(())
    })
    .await;
}
