//! The site as a process.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use local_azure::testing::patiently;
use reqwest::multipart::Form;
use reqwest::{Client, Response, StatusCode, redirect};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::redirect::location;

/// The settings, with one of them changed.
pub fn with(mut environment: Vec<(&'static str, String)>, name: &str, value: &str) -> Vec<(&'static str, String)> {
    let setting = environment.iter_mut().find(|(known, _)| *known == name).unwrap();
    value.clone_into(&mut setting.1);
    environment
}

fn command(environment: &[(&str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_restaurant-review"));
    command
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (*name, value)));
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).kill_on_drop(true);
    command
}

/// Runs `restaurant-review check`. Returns whether it succeeded, and its output.
pub async fn check(environment: &[(&str, String)]) -> (bool, String) {
    let output = command(environment).arg("check").output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// A running site, with all of its output.
pub struct Running {
    pub base: String,
    pub client: Client,
    said: Arc<Mutex<String>>,
    process: Child,
}

impl Running {
    pub async fn start(environment: &[(&str, String)]) -> Self {
        restaurant_review::tls::choose_provider();
        let mut command = command(environment);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        note(process.stdout.take().unwrap(), said.clone());
        note(process.stderr.take().unwrap(), said.clone());
        let base = patiently("the site listens", async || {
            let said = said.lock().unwrap();
            let (_, address) = said.split_once("listening on http://")?;
            // The line is text, or a string of JSON.
            let address = address.split(['"', '\n']).next()?;
            Some(address.replace("localhost", "127.0.0.1"))
        })
        .await;
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            base: format!("http://{base}"),
            client,
            said,
            process,
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    pub async fn page(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}: {}", self.log());
        response.text().await.unwrap()
    }

    pub async fn review(&self, restaurant: &str, form: Form) -> Response {
        let url = format!("{}/review/{}", self.base, restaurant.trim_matches('/'));
        self.client.post(url).multipart(form).send().await.unwrap()
    }

    pub async fn add_restaurant(&self) -> String {
        let form = [("restaurant_name", "Contoso Café"), ("description", "Coffee")];
        let response = self
            .client
            .post(format!("{}/add", self.base))
            .form(&form)
            .send()
            .await
            .unwrap();
        location(&response)
    }

    /// Waits until `/readyz` answers with that status and a body that contains that word. Returns the body.
    pub async fn readiness(&self, status: StatusCode, word: &str) -> String {
        patiently(&format!("/readyz says {status} and {word}"), async || {
            let response = self.get("/readyz").await;
            let answered = response.status();
            let text = response.text().await.unwrap();
            (answered == status && text.contains(word)).then_some(text)
        })
        .await
    }

    /// Waits until all parts of the site are ready.
    pub async fn ready(&self) {
        patiently("/readyz?strict says 200", async || {
            (self.get("/readyz?strict").await.status() == StatusCode::OK).then_some(())
        })
        .await;
    }

    pub fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) {
        self.process.wait().await.unwrap();
    }

    pub fn log(&self) -> String {
        self.said.lock().unwrap().clone()
    }
}

/// Appends everything that is read to `said`, until the end.
fn note(from: impl AsyncRead + Send + Unpin + 'static, said: Arc<Mutex<String>>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    });
}
