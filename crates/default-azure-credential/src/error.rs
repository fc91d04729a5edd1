//! The error when there is no token: every credential that was tried, and why it failed.

use std::error::Error;
use std::fmt;

use azure_core::credentials::AccessToken;
use azure_core::error::ErrorKind;
use azure_core::http::StatusCode;

use crate::describe::Secrets;

/// A token, or why the chain has none.
pub(crate) type TokenResult = Result<AccessToken, DefaultAzureCredentialError>;

/// Why [`DefaultAzureCredential`](crate::DefaultAzureCredential) has no token.
///
/// It is the inner error of the [`azure_core::Error`] that
/// [`get_token`](azure_core::credentials::TokenCredential::get_token) returns:
///
/// ```
/// use default_azure_credential::DefaultAzureCredentialError;
///
/// fn log(error: &azure_core::Error) {
///     if let Some(error) = error.downcast_ref::<DefaultAzureCredentialError>() {
///         for attempt in error.attempts() {
///             println!("{}: {}", attempt.credential(), attempt.reason());
///         }
///     }
/// }
/// ```
///
/// Neither its text nor its [`Debug`](fmt::Debug) form contains a secret. The errors of the official
/// credentials hold whole HTTP responses, so this error describes them instead of keeping them as a source.
#[derive(Clone, Debug)]
pub struct DefaultAzureCredentialError {
    attempts: Vec<Attempt>,
}

/// One credential that was tried, and why it returned no token.
#[derive(Clone, Debug)]
pub struct Attempt {
    credential: &'static str,
    failure: Failure,
}

/// Why a credential failed, and whether the chain continues.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// True if the credential is available but failed, which stops the chain. False if it is not available,
    /// so that the chain continues.
    pub refused: bool,
    pub reason: String,
    pub status: Option<StatusCode>,
}

impl Failure {
    /// The credential is not available here. The chain tries the next one.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self {
            refused: false,
            reason: reason.into(),
            status: None,
        }
    }

    /// The credential is available but failed. The chain stops.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self {
            refused: true,
            reason: reason.into(),
            status: None,
        }
    }

    /// The credential is not available, because these environment variables are not set.
    pub fn not_set(missing: &[&str]) -> Self {
        Self::unavailable(format!("not set in the environment: {}", missing.join(", ")))
    }

    /// The credential is available but failed with `error`. The chain stops.
    pub fn refused_with(error: &azure_core::Error, secrets: &Secrets) -> Self {
        let description = secrets.describe(error);
        Self {
            refused: true,
            reason: description.text,
            status: description.status,
        }
    }
}

impl Attempt {
    pub(crate) fn new(credential: &'static str, failure: Failure) -> Self {
        Self { credential, failure }
    }

    /// The credential's name in `AZURE_TOKEN_CREDENTIALS`, such as `ManagedIdentityCredential`.
    #[must_use]
    pub fn credential(&self) -> &'static str {
        self.credential
    }

    /// Why it returned no token, in one line.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.failure.reason
    }

    /// Whether the credential is available but failed. If so, the chain stopped at it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.failure.refused
    }

    /// The status of the HTTP response that it failed with, if there was one. A later call can succeed
    /// after 429 or 5xx.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.failure.status
    }
}

impl DefaultAzureCredentialError {
    pub(crate) fn new(attempts: Vec<Attempt>) -> Self {
        Self { attempts }
    }

    /// Every credential that was tried, in order. Only the last one can be refused.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The credential that is available but failed, or `None` if no credential is available.
    #[must_use]
    pub fn refused(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.is_refused())
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.credential, self.failure.reason)
    }
}

impl fmt::Display for DefaultAzureCredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(attempt) = self.refused() {
            return write!(f, "DefaultAzureCredential stopped at {attempt}");
        }
        f.write_str("DefaultAzureCredential found no credential that is available here:")?;
        for attempt in &self.attempts {
            write!(f, "\n- {attempt}")?;
        }
        Ok(())
    }
}

impl Error for DefaultAzureCredentialError {}

impl From<DefaultAzureCredentialError> for azure_core::Error {
    fn from(error: DefaultAzureCredentialError) -> Self {
        Self::new(ErrorKind::Credential, error)
    }
}
