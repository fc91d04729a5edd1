#![doc = include_str!("../README.md")]

mod chain;
mod credential;
mod credential_kind;
mod describe;
mod error;
mod imds;
mod last_response;
mod options;
mod selection;
mod settings;
mod shared_fetch;
mod sources;
mod time_limit;

pub use azure_identity::{Executor, UserAssignedId};

pub use credential::DefaultAzureCredential;
pub use credential_kind::CredentialKind;
pub use error::{Attempt, DefaultAzureCredentialError};
pub use options::{DefaultAzureCredentialOptions, EnvLookup};
pub use selection::Credentials;
