//! Why there is no token: every credential that was asked, and what it said.

use std::error::Error;
use std::fmt;

use azure_core::error::ErrorKind;
use azure_core::http::StatusCode;

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
/// Neither its text nor its [`Debug`](fmt::Debug) form holds a secret: the errors of the official
/// credentials carry whole HTTP answers, so they are not kept as a source, but put into words.
#[derive(Clone, Debug)]
pub struct DefaultAzureCredentialError {
    attempts: Vec<Attempt>,
}

/// One credential that was asked for a token, and why it gave none.
#[derive(Clone, Debug)]
pub struct Attempt {
    credential: &'static str,
    failure: Failure,
}

/// How a credential failed, and so what the chain does next.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// True: it is there, but gives no token, so the chain stops. False: it is not there.
    pub refused: bool,
    pub reason: String,
    pub status: Option<StatusCode>,
}

impl Failure {
    /// "Not available here": the next credential is asked.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self {
            refused: false,
            reason: reason.into(),
            status: None,
        }
    }

    /// "Available, but refused": the chain stops.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self {
            refused: true,
            reason: reason.into(),
            status: None,
        }
    }
}

impl Attempt {
    pub(crate) fn new(credential: &'static str, failure: Failure) -> Self {
        Self { credential, failure }
    }

    /// The credential's name as `AZURE_TOKEN_CREDENTIALS` takes it, such as
    /// `ManagedIdentityCredential`.
    #[must_use]
    pub fn credential(&self) -> &'static str {
        self.credential
    }

    /// Why it gave no token, in one line.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.failure.reason
    }

    /// True when the credential is there but gave no token. The chain stopped at it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.failure.refused
    }

    /// The HTTP status that refused it, where it was an HTTP answer. 429 and 5xx may pass.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.failure.status
    }
}

impl DefaultAzureCredentialError {
    pub(crate) fn new(attempts: Vec<Attempt>) -> Self {
        Self { attempts }
    }

    /// Every credential that was asked, in order. Only the last one can be a refusal.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The credential that is there but gave no token; `None` when none was there.
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
