//! Whatever an identity endpoint, Entra, `az`, PowerShell or `azd` answers becomes a token or an error, and no error shows a secret.
//!
//! The first byte of an input says who answers, the second one how: a status or an exit code. The rest is the answer.

#![no_main]

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use azure_core::credentials::TokenCredential as _;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode, Transport};
use azure_identity::Executor;
use default_azure_credential::{DefaultAzureCredential, DefaultAzureCredentialError, DefaultAzureCredentialOptions};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

/// It is not like any other text, and is encoded in a form.
const SECRET: &str = "Sec~ret of nobody";
const ENCODED: &str = "Sec%7Eret+of+nobody";

const CREDENTIALS: [&str; 5] = [
    "ManagedIdentityCredential",
    "EnvironmentCredential",
    "AzureCliCredential",
    "AzureDeveloperCliCredential",
    "AzurePowerShellCredential",
];
const STATUSES: [u16; 12] = [200, 400, 401, 403, 404, 410, 429, 500, 502, 503, 204, 302];

thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::new(Machine::new());
}

fuzz_target!(|input: &[u8]| {
    if let Some((&[who, how], answer)) = input.split_first_chunk() {
        MACHINE.with_borrow_mut(|machine| machine.ask(who, how, answer));
    }
});

/// Where a token is asked for.
struct Machine {
    /// Its clock does not wait, as IMDS is asked again after seconds.
    runtime: Runtime,
    answer: Arc<Answer>,
    /// Each of the credentials with a client id and without one. They are kept, because it takes long to create one.
    credentials: Vec<Option<Arc<DefaultAzureCredential>>>,
}

impl Machine {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        Self {
            runtime: runtime.expect("a runtime"),
            answer: Arc::default(),
            credentials: (0..2 * CREDENTIALS.len()).map(|_| None).collect(),
        }
    }

    fn ask(&mut self, who: u8, how: u8, answer: &[u8]) {
        *self.answer.0.lock().expect("no code panics while it holds the lock") = (how, answer.to_vec());
        let which = usize::from(who) % self.credentials.len();
        let credential = self.credentials[which].get_or_insert_with(|| credential(which, &self.answer));
        let scopes = ["https://storage.azure.com/.default"];
        match self.runtime.block_on(credential.get_token(&scopes, None)) {
            // It would not ask again while it has a token.
            Ok(_) => self.credentials[which] = None,
            Err(error) => check(&error),
        }
    }
}

fn credential(which: usize, answer: &Arc<Answer>) -> Arc<DefaultAzureCredential> {
    let name = CREDENTIALS[which % CREDENTIALS.len()];
    let has_client_id = which < CREDENTIALS.len();
    let mut options = DefaultAzureCredentialOptions {
        executor: Some(answer.clone()),
        env: Some(Arc::new(move |variable_name| {
            variable(name, has_client_id, variable_name)
        })),
        ..DefaultAzureCredentialOptions::default()
    };
    options.client_options.transport = Some(Transport::new(answer.clone()));
    DefaultAzureCredential::new(Some(options)).expect("the name is one of a credential")
}

fn variable(credential: &str, has_client_id: bool, name: &str) -> Option<String> {
    let value = match name {
        "AZURE_TOKEN_CREDENTIALS" => credential,
        "AZURE_TENANT_ID" => "72f988bf-0000-0000-0000-2d7cd011db47",
        "AZURE_CLIENT_ID" if has_client_id || credential == "EnvironmentCredential" => "an id",
        "AZURE_CLIENT_SECRET" => SECRET,
        _ => return None,
    };
    Some(value.to_owned())
}

fn check(error: &azure_core::Error) {
    for text in [format!("{error}"), format!("{error:?}")] {
        assert!(text.len() < 20_000, "{} bytes", text.len());
        assert!(!text.contains(SECRET) && !text.contains(ENCODED), "{text}");
        let in_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
        for (at, _) in text.match_indices("eyJ") {
            let end = text[at..].find(|c| !in_token(c)).unwrap_or(text.len() - at);
            let shown = &text[at..at + end];
            // The dots say that a long text was cut there.
            assert!(shown.strip_suffix("...").unwrap_or(shown).len() < 20, "{text}");
        }
    }
    let error = error
        .downcast_ref::<DefaultAzureCredentialError>()
        .expect("the error says what was tried");
    for attempt in error.attempts() {
        assert!(
            !attempt.reason().is_empty() && !attempt.reason().contains('\n'),
            "{attempt}"
        );
    }
}

/// What answers every request and every command: how, and with what.
#[derive(Debug, Default)]
struct Answer(Mutex<(u8, Vec<u8>)>);

impl Answer {
    fn now(&self) -> (u8, Vec<u8>) {
        self.0.lock().expect("no code panics while it holds the lock").clone()
    }
}

#[async_trait]
impl HttpClient for Answer {
    async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
        let (how, bytes) = self.now();
        let status = STATUSES[usize::from(how) % STATUSES.len()];
        Ok(AsyncRawResponse::from_bytes(
            StatusCode::from(status),
            Headers::new(),
            bytes,
        ))
    }
}

#[async_trait]
impl Executor for Answer {
    async fn run(&self, _: &OsStr, _: &[&OsStr]) -> io::Result<Output> {
        let (how, bytes) = self.now();
        // The exit code is in the second byte of the status.
        let status = ExitStatus::from_raw(i32::from(how) << 8);
        let (stdout, stderr) = if status.success() {
            (bytes, Vec::new())
        } else {
            (Vec::new(), bytes)
        };
        Ok(Output { status, stdout, stderr })
    }
}
