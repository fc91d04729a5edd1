//! Microsoft.Storage: storage accounts and their containers.
//! <https://learn.microsoft.com/rest/api/storagerp>

mod accounts;
mod containers;

use axum::http::Method;

pub use self::accounts::ACCOUNTS;

use super::answer::Answer;
use super::call::{Call, id};
use super::error::ArmError;
use super::service::Arm;

/// Chooses the handler for what is below an account or below the provider. `None` means that it is a resource like any
/// other.
pub fn part(arm: &Arm, call: &Call, at: usize, rest: &[&str]) -> Option<Result<Answer, ArmError>> {
    let get = call.method == Method::GET;
    let account = || id(&call.path[..at + 4]);
    let name = call.path.get(at + 7).map(String::as_str).unwrap_or_default();
    let answer = match rest {
        ["checknameavailability"] => accounts::check_name(call),
        ["storageaccounts", _, "listkeys"] => account().and_then(|id| accounts::list_keys(call, &id)),
        ["storageaccounts", _, "regeneratekey"] => account().and_then(|id| accounts::regenerate_key(arm, call, &id)),
        ["storageaccounts", _, "blobservices"] if get => account().and_then(|id| containers::services(call, &id)),
        ["storageaccounts", _, "blobservices", "default"] if get => {
            account().and_then(|id| containers::service(call, &id))
        }
        ["storageaccounts", _, "blobservices", "default", "containers"] if get => {
            account().and_then(|id| containers::list(arm, call, &id))
        }
        ["storageaccounts", _, "blobservices", "default", "containers", _] => {
            account().and_then(|id| containers::one(arm, call, &id, name))
        }
        _ => return None,
    };
    Some(answer)
}
