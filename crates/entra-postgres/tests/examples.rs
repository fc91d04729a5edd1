//! The examples, with a real PostgreSQL that checks tokens.

use std::env;

use local_azure::testing::Cloud;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn each_example_signs_in() {
    let cloud = Cloud::start();
    let postgres = cloud.postgres().await;
    postgres.create_database("app").await.unwrap();
    cloud.create_role("web").await;
    let program = env::current_exe().unwrap();
    let examples = program.ancestors().nth(2).unwrap().join("examples");
    for example in ["sqlx", "deadpool"] {
        let run = async |user| {
            let mut command = Command::new(examples.join(example));
            command
                .envs(cloud.environment())
                .env("PGHOST", "127.0.0.1")
                .env("PGPORT", postgres.port().to_string())
                .env("PGDATABASE", "app")
                .env("PGUSER", user)
                .env("PGSSLROOTCERT", cloud.root_certificate());
            let output = command
                .output()
                .await
                .expect("cargo builds the examples together with the tests");
            let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
            cloud.assert_no_secret_in(&text.concat());
            (output.status.success(), text)
        };
        let (_, [printed, errors]) = run("web").await;
        assert_eq!(printed, "signed in as web\n", "{example}: {errors}");
        let (succeeded, text) = run("stranger").await;
        assert!(!succeeded, "{example}: {text:?}");
    }
}
