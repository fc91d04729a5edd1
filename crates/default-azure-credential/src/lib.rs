#![doc = include_str!("../README.md")]

mod chain;
mod credential;
mod describe;
mod error;
mod flight;
mod imds;
mod kind;
mod last_answer;
mod options;
mod sources;
mod within;

pub use credential::DefaultAzureCredential;
pub use error::{Attempt, DefaultAzureCredentialError};
pub use options::{DefaultAzureCredentialOptions, EnvLookup};
