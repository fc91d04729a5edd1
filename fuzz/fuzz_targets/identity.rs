//! Whatever an identity endpoint, Entra, `az` or `azd` answers becomes a token or an error, and no error shows a secret.
//!
//! The first byte of an input says who answers, the second one how: a status or an exit code. The rest is the answer.

#![no_main]

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Output};
use std::sync::Arc;

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

const CREDENTIALS: [&str; 4] = [
    "ManagedIdentityCredential",
    "EnvironmentCredential",
    "AzureCliCredential",
    "AzureDeveloperCliCredential",
];
const STATUSES: [u16; 12] = [200, 400, 401, 403, 404, 410, 429, 500, 502, 503, 204, 302];

thread_local! {
    /// The clock does not wait, as IMDS is asked again after seconds.
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
    );
}

fuzz_target!(|input: &[u8]| {
    let Some((&[who, how], answer)) = input.split_first_chunk() else {
        return;
    };
    let credential = CREDENTIALS[usize::from(who) % CREDENTIALS.len()];
    let has_client_id = (usize::from(who) / CREDENTIALS.len()).is_multiple_of(2);
    let answer = Arc::new(Answer {
        how,
        bytes: answer.to_vec(),
    });
    let mut options = DefaultAzureCredentialOptions {
        executor: Some(answer.clone()),
        env: Some(Arc::new(move |name| variable(credential, has_client_id, name))),
        ..DefaultAzureCredentialOptions::default()
    };
    options.client_options.transport = Some(Transport::new(answer));
    let credential = DefaultAzureCredential::with_options(options).expect("the name is one of a credential");
    let scopes = ["https://storage.azure.com/.default"];
    let token = RUNTIME.with_borrow(|runtime| runtime.block_on(credential.get_token(&scopes, None)));
    if let Err(error) = token {
        check(&error);
    }
});

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
            assert!(end < 20, "{text}");
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

/// What answers every request and every command.
#[derive(Debug)]
struct Answer {
    how: u8,
    bytes: Vec<u8>,
}

#[async_trait]
impl HttpClient for Answer {
    async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
        let status = STATUSES[usize::from(self.how) % STATUSES.len()];
        Ok(AsyncRawResponse::from_bytes(
            StatusCode::from(status),
            Headers::new(),
            self.bytes.clone(),
        ))
    }
}

#[async_trait]
impl Executor for Answer {
    async fn run(&self, _: &OsStr, _: &[&OsStr]) -> io::Result<Output> {
        // The exit code is in the second byte of the status.
        let status = ExitStatus::from_raw(i32::from(self.how) << 8);
        let (stdout, stderr) = if status.success() {
            (self.bytes.clone(), Vec::new())
        } else {
            (Vec::new(), self.bytes.clone())
        };
        Ok(Output { status, stdout, stderr })
    }
}
