//! Storage accounts and their keys.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::{self, Call};
use crate::arm::error::ArmError;
use crate::arm::locks;
use crate::arm::running::wait;
use crate::arm::service::Arm;
use crate::arm::types::Type;
use crate::state::{Resource, ResourceId, State, StorageAccount, View as _, new_key};

/// Accounts.
pub const ACCOUNTS: Type = Type {
    kind: StorageAccount::KIND,
    put,
    show,
    created: StatusCode::ACCEPTED,
};

/// The names of the keys.
const KEYS: [&str; 2] = ["key1", "key2"];

/// <https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name>
fn is_name(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn put(state: &State, account: &mut Resource) -> Result<(), ArmError> {
    let name = account.id.name();
    if !is_name(name) {
        return Err(ArmError::bad_request(
            "AccountNameInvalid",
            format!(
                "{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in \
                 length and use numbers and lower-case letters only."
            ),
        ));
    }
    let is_other = |other: &StorageAccount| other.name() == name && other.id != account.id;
    if state.all::<StorageAccount>().any(|other| is_other(&other)) {
        return Err(ArmError::conflict(
            "StorageAccountAlreadyTaken",
            format!("The storage account named {name} is already taken."),
        ));
    }
    for flag in [
        "allowBlobPublicAccess",
        "allowSharedKeyAccess",
        "supportsHttpsTrafficOnly",
    ] {
        if account
            .properties
            .get(flag)
            .is_some_and(|value| !value.is_boolean() && !value.is_null())
        {
            return Err(ArmError::invalid_content(format!(
                "The request content was invalid: the property '{flag}' must be true or false."
            )));
        }
    }
    for key in KEYS {
        account.secrets.entry(key.to_owned()).or_insert_with(new_key);
    }
    account.kind.get_or_insert_with(|| "StorageV2".to_owned());
    let sku = account.sku.get_or_insert_with(|| json!({"name": "Standard_LRS"}));
    let name = call::required(sku.as_object().unwrap_or(&serde_json::Map::new()), "name")?.to_owned();
    let tier = if name.starts_with("Premium") {
        "Premium"
    } else {
        "Standard"
    };
    *sku = json!({"name": name, "tier": tier});
    for (name, value) in [
        ("accessTier", json!("Hot")),
        ("allowBlobPublicAccess", json!(false)),
        ("minimumTlsVersion", json!("TLS1_2")),
        ("supportsHttpsTrafficOnly", json!(true)),
        (
            "networkAcls",
            json!({"bypass": "AzureServices", "defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": []}),
        ),
        (
            "encryption",
            json!({"keySource": "Microsoft.Storage", "services": {"blob": {"enabled": true, "keyType": "Account"}}}),
        ),
    ] {
        let stored = account.properties.entry(name).or_insert(Value::Null);
        if stored.is_null() {
            *stored = value;
        }
    }
    Ok(())
}

fn show(_: &State, account: &mut Value) {
    let name = account["name"].as_str().unwrap_or_default().to_owned();
    let location = account["location"].clone();
    let url = |service: &str| format!("https://{name}.{service}.core.windows.net/");
    let properties = &mut account["properties"];
    // Only blobs are emulated, but clients expect every address.
    properties["primaryEndpoints"] = json!({
        "blob": url("blob"), "dfs": url("dfs"), "file": url("file"), "queue": url("queue"), "table": url("table"),
        "web": url("web"),
    });
    properties["primaryLocation"] = location;
    properties["statusOfPrimary"] = "available".into();
    properties["privateEndpointConnections"] = json!([]);
}

/// `POST …/checkNameAvailability`
pub fn check_name(call: &Call) -> Result<Answer, ArmError> {
    call.needs(&Method::POST)?;
    let state = call.azure.state();
    call.check_member(&state, "Microsoft.Storage/checknameavailability/read")?;
    let name = call::required(call.object()?, "name")?;
    let (reason, message) = if !is_name(name) {
        (
            "AccountNameInvalid",
            format!("{name} is not a valid storage account name: use 3 to 24 lower-case letters and digits."),
        )
    } else if state.find::<StorageAccount>(name).is_some() {
        (
            "AlreadyExists",
            format!("The storage account named {name} is already taken."),
        )
    } else {
        return Ok(Answer::ok(json!({"nameAvailable": true})));
    };
    Ok(Answer::ok(
        json!({"nameAvailable": false, "reason": reason, "message": message}),
    ))
}

/// `POST …/listKeys`
pub fn list_keys(call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    locks::check_action(call, &state, "Microsoft.Storage/storageAccounts/listkeys/action", id)?;
    show_keys(&state, id)
}

fn show_keys(state: &State, id: &ResourceId) -> Result<Answer, ArmError> {
    let account: StorageAccount = state.at(id).ok_or_else(|| ArmError::no_such_resource(id))?;
    let keys = KEYS.iter().zip(&account.keys);
    let keys: Vec<_> = keys
        .map(|(name, key)| json!({"keyName": name, "value": key, "permissions": "FULL"}))
        .collect();
    Ok(Answer::ok(json!({"keys": keys})))
}

/// `POST …/regenerateKey`
pub fn regenerate_key(arm: &Arm, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    call.change(|state| {
        locks::check_action(
            call,
            state,
            "Microsoft.Storage/storageAccounts/regeneratekey/action",
            id,
        )?;
        let mut account: StorageAccount = state.at(id).ok_or_else(|| ArmError::no_such_resource(id))?;
        let name = call::required(call.object()?, "keyName")?;
        let at = KEYS.iter().position(|key| *key == name).ok_or_else(|| {
            let message = format!("'{name}' is not the name of a key. Use key1 or key2.");
            ArmError::bad_request("InvalidKeyName", message)
        })?;
        account.keys[at] = new_key();
        state.put(&account);
        Ok(())
    })?;
    if let Some(blobs) = &arm.running.blobs {
        wait(blobs.reconcile())?;
    }
    show_keys(&call.azure.state(), id)
}
