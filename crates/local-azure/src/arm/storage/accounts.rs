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
use crate::log_time;
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

/// The kinds of accounts.
const KINDS: [&str; 5] = ["BlobStorage", "BlockBlobStorage", "FileStorage", "Storage", "StorageV2"];
/// The performance and the redundancy that accounts can have.
const SKUS: [&str; 14] = [
    "PremiumV2_LRS",
    "PremiumV2_ZRS",
    "Premium_LRS",
    "Premium_ZRS",
    "StandardV2_GRS",
    "StandardV2_GZRS",
    "StandardV2_LRS",
    "StandardV2_ZRS",
    "Standard_GRS",
    "Standard_GZRS",
    "Standard_LRS",
    "Standard_RAGRS",
    "Standard_RAGZRS",
    "Standard_ZRS",
];
/// The values of properties that have only a few.
const PERMITTED: [(&str, &[&str]); 4] = [
    ("accessTier", &["Cold", "Cool", "Hot", "Premium"]),
    ("dnsEndpointType", &["AzureDnsZone", "Standard"]),
    ("minimumTlsVersion", &["TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"]),
    ("publicNetworkAccess", &["Disabled", "Enabled", "SecuredByPerimeter"]),
];

/// <https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name>
fn is_name(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn put(state: &State, account: &mut Resource) -> Result<(), ArmError> {
    let existing = state.get(&account.id);
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
    let now = log_time::now();
    let mut kept = |name: &str, default: Value| {
        // Clients send these back with the rest, but cannot change them.
        let value = existing.and_then(|existing| existing.properties.get(name));
        account.set(name, value.cloned().unwrap_or(default));
    };
    kept("creationTime", json!(now));
    kept("keyCreationTime", json!({"key1": now, "key2": now}));
    let kind = account.kind.get_or_insert_with(|| "StorageV2".to_owned());
    check_value("kind", kind, &KINDS)?;
    let sku = account.sku.get_or_insert_with(|| json!({"name": "Standard_LRS"}));
    let name = call::required(sku.as_object().unwrap_or(&serde_json::Map::new()), "name")?.to_owned();
    check_value("sku", &name, &SKUS)?;
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
    for (name, permitted) in PERMITTED {
        if let Some(value) = call::optional(&account.properties, name)? {
            check_value(name, value, permitted)?;
        }
    }
    Ok(())
}

/// # Errors
///
/// The value is none of those that are permitted.
fn check_value(name: &str, value: &str, permitted: &[&str]) -> Result<(), ArmError> {
    if permitted.contains(&value) {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "InvalidValuesForRequestParameters",
        format!(
            "Values for request parameters are invalid: {name}. '{value}' is not one of {}.",
            permitted.join(", ")
        ),
    ))
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
    let times = state
        .get(id)
        .and_then(|account| account.properties.get("keyCreationTime"));
    let keys = KEYS.iter().zip(&account.keys);
    let keys: Vec<_> = keys
        .map(|(name, key)| {
            let time = times.and_then(|times| times.get(*name));
            json!({"keyName": name, "value": key, "permissions": "FULL", "creationTime": time})
        })
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
        state.update(id, |account| {
            let times = account.properties.entry("keyCreationTime").or_insert_with(|| json!({}));
            times[name] = log_time::now().into();
        });
        Ok(())
    })?;
    if let Some(blobs) = &arm.running.blobs {
        wait(blobs.reconcile())?;
    }
    show_keys(&call.azure.state(), id)
}
