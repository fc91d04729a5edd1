//! The settings of App Service Authentication, as bodies contain them.
//! <https://learn.microsoft.com/azure/templates/microsoft.web/sites/config-authsettingsv2>

use serde_json::{Map, Value, json};
use url::Url;

use crate::arm::error::ArmError;
use crate::state::{UnauthenticatedAction, time_span};

/// The type of a setting.
#[derive(Clone, Copy)]
enum Type {
    Flag,
    Text,
    Number,
    Texts,
    Object,
    /// A time span, such as `08:00:00`.
    Span,
}

/// The settings that have an effect or whose type is checked. Others are kept, and do nothing.
const SETTINGS: [(&str, Type); 38] = [
    ("/platform", Type::Object),
    ("/platform/enabled", Type::Flag),
    ("/platform/runtimeVersion", Type::Text),
    ("/platform/configFilePath", Type::Text),
    ("/globalValidation", Type::Object),
    ("/globalValidation/requireAuthentication", Type::Flag),
    ("/globalValidation/unauthenticatedClientAction", Type::Text),
    ("/globalValidation/redirectToProvider", Type::Text),
    ("/globalValidation/excludedPaths", Type::Texts),
    ("/httpSettings", Type::Object),
    ("/httpSettings/requireHttps", Type::Flag),
    ("/httpSettings/routes", Type::Object),
    ("/httpSettings/routes/apiPrefix", Type::Text),
    ("/httpSettings/forwardProxy", Type::Object),
    ("/login", Type::Object),
    ("/login/routes", Type::Object),
    ("/login/tokenStore", Type::Object),
    ("/login/tokenStore/enabled", Type::Flag),
    ("/login/tokenStore/tokenRefreshExtensionHours", Type::Number),
    ("/login/preserveUrlFragmentsForLogins", Type::Flag),
    ("/login/allowedExternalRedirectUrls", Type::Texts),
    ("/login/cookieExpiration", Type::Object),
    ("/login/cookieExpiration/convention", Type::Text),
    ("/login/cookieExpiration/timeToExpiration", Type::Span),
    ("/login/nonce", Type::Object),
    ("/login/nonce/validateNonce", Type::Flag),
    ("/login/nonce/nonceExpirationInterval", Type::Span),
    ("/identityProviders", Type::Object),
    ("/identityProviders/azureActiveDirectory", Type::Object),
    ("/identityProviders/azureActiveDirectory/enabled", Type::Flag),
    ("/identityProviders/azureActiveDirectory/registration", Type::Object),
    (
        "/identityProviders/azureActiveDirectory/registration/openIdIssuer",
        Type::Text,
    ),
    (
        "/identityProviders/azureActiveDirectory/registration/clientId",
        Type::Text,
    ),
    (
        "/identityProviders/azureActiveDirectory/registration/clientSecretSettingName",
        Type::Text,
    ),
    ("/identityProviders/azureActiveDirectory/login", Type::Object),
    (
        "/identityProviders/azureActiveDirectory/login/loginParameters",
        Type::Texts,
    ),
    ("/identityProviders/azureActiveDirectory/validation", Type::Object),
    (
        "/identityProviders/azureActiveDirectory/validation/allowedAudiences",
        Type::Texts,
    ),
];

/// The settings with which Azure lets in fewer people than Local Azure would, so that they must not seem to work.
const RESTRICTIONS: [&str; 4] = [
    "/identityProviders/azureActiveDirectory/validation/defaultAuthorizationPolicy/allowedPrincipals/groups",
    "/identityProviders/azureActiveDirectory/validation/defaultAuthorizationPolicy/allowedPrincipals/identities",
    "/identityProviders/azureActiveDirectory/validation/jwtClaimChecks/allowedGroups",
    "/identityProviders/azureActiveDirectory/validation/jwtClaimChecks/allowedClientApplications",
];

/// The schemes of addresses that run in the page instead of leading to another one.
const SCRIPTS: [&str; 4] = ["javascript", "data", "vbscript", "blob"];

/// The classic settings, and where they are in version 2.
const CLASSIC: [(&str, &str); 12] = [
    ("enabled", "/platform/enabled"),
    ("runtimeVersion", "/platform/runtimeVersion"),
    (
        "unauthenticatedClientAction",
        "/globalValidation/unauthenticatedClientAction",
    ),
    ("defaultProvider", "/globalValidation/redirectToProvider"),
    ("tokenStoreEnabled", "/login/tokenStore/enabled"),
    (
        "tokenRefreshExtensionHours",
        "/login/tokenStore/tokenRefreshExtensionHours",
    ),
    ("allowedExternalRedirectUrls", "/login/allowedExternalRedirectUrls"),
    (
        "clientId",
        "/identityProviders/azureActiveDirectory/registration/clientId",
    ),
    (
        "issuer",
        "/identityProviders/azureActiveDirectory/registration/openIdIssuer",
    ),
    (
        "clientSecretSettingName",
        "/identityProviders/azureActiveDirectory/registration/clientSecretSettingName",
    ),
    (
        "allowedAudiences",
        "/identityProviders/azureActiveDirectory/validation/allowedAudiences",
    ),
    (
        "additionalLoginParams",
        "/identityProviders/azureActiveDirectory/login/loginParameters",
    ),
];

/// The classic settings that configure other providers begin with these words, and those that read the settings from a file
/// are the last two.
const OTHER_PROVIDERS: [&str; 7] = [
    "google",
    "facebook",
    "gitHub",
    "twitter",
    "microsoftAccount",
    "isAuthFromFile",
    "authFilePath",
];

/// Checks settings in the form of version 2.
///
/// # Errors
///
/// A setting has a value that it cannot have, or asks for what Local Azure does not have.
pub fn check(settings: &Map<String, Value>) -> Result<(), ArmError> {
    let settings = json!(settings);
    let at = |path: &str| settings.pointer(path).filter(|value| !value.is_null());
    for (path, kind) in SETTINGS {
        if let Some(value) = at(path) {
            check_type(path, kind, value)?;
        }
    }
    let text = |path: &str| at(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(action) = text("/globalValidation/unauthenticatedClientAction")
        && UnauthenticatedAction::named(action).is_none()
    {
        let names = UnauthenticatedAction::ALL.map(|(name, _)| name).join(", ");
        return Err(invalid(
            "globalValidation.unauthenticatedClientAction",
            &format!("one of {names}"),
        ));
    }
    for (path, permitted) in [
        (
            "/globalValidation/redirectToProvider",
            &["azureActiveDirectory", "aad"][..],
        ),
        (
            "/login/cookieExpiration/convention",
            &["FixedTime", "IdentityProviderDerived"],
        ),
        ("/httpSettings/routes/apiPrefix", &["/.auth"]),
    ] {
        let is_permitted = |text: &str| permitted.iter().any(|one| one.eq_ignore_ascii_case(text));
        if text(path).is_some_and(|text| !is_permitted(text)) {
            return Err(invalid(&name(path), &format!("one of {}", permitted.join(", "))));
        }
    }
    if text("/platform/configFilePath").is_some() {
        return Err(unsupported("settings in a file (platform.configFilePath)"));
    }
    let is_empty = |value: &Value| value.as_array().is_none_or(Vec::is_empty);
    if let Some(path) = RESTRICTIONS
        .iter()
        .find(|path| at(path).is_some_and(|value| !is_empty(value)))
    {
        return Err(unsupported(&format!(
            "{}. Use app roles with appRoleAssignmentRequired instead",
            name(path)
        )));
    }
    for url in texts(at("/login/allowedExternalRedirectUrls")) {
        let is_valid = Url::parse(url).is_ok_and(|url| !SCRIPTS.contains(&url.scheme()));
        if !is_valid {
            let message = format!("a list of absolute addresses, which {url:?} is not");
            return Err(invalid("login.allowedExternalRedirectUrls", &message));
        }
    }
    for path in texts(at("/globalValidation/excludedPaths")) {
        if !path.starts_with('/') {
            let message = format!("a list of paths that begin with a slash, which {path:?} does not");
            return Err(invalid("globalValidation.excludedPaths", &message));
        }
    }
    check_providers(at("/identityProviders"))
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// # Errors
///
/// A provider other than Microsoft Entra is configured.
fn check_providers(providers: Option<&Value>) -> Result<(), ArmError> {
    let providers = providers.and_then(Value::as_object).into_iter().flatten();
    for (name, provider) in providers.filter(|(name, _)| *name != "azureActiveDirectory") {
        let is_set = |value: &Value| !value.is_null() && *value != json!({}) && *value != json!("");
        let registration = provider
            .get("registration")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let is_custom = name == "customOpenIdConnectProviders" && is_set(provider);
        let is_registered = registration.into_iter().any(|(_, value)| is_set(value));
        if is_custom || is_registered && provider.get("enabled") != Some(&false.into()) {
            return Err(unsupported(&format!(
                "the identity provider {name}: visitors sign in with Microsoft Entra only"
            )));
        }
    }
    Ok(())
}

fn check_type(path: &str, kind: Type, value: &Value) -> Result<(), ArmError> {
    let are_texts = |list: &Vec<Value>| list.iter().all(Value::is_string);
    let (is_valid, expected) = match kind {
        Type::Flag => (value.is_boolean(), "true or false"),
        Type::Text => (value.is_string(), "a string"),
        Type::Number => (value.is_number(), "a number"),
        Type::Texts => (value.as_array().is_some_and(are_texts), "a list of strings"),
        Type::Object => (value.is_object(), "an object"),
        Type::Span => (
            value.as_str().is_some_and(|text| time_span(text).is_some()),
            "a time span such as 08:00:00",
        ),
    };
    if is_valid {
        Ok(())
    } else {
        Err(invalid(&name(path), expected))
    }
}

/// The name of a setting in messages.
fn name(path: &str) -> String {
    path.trim_start_matches('/').replace('/', ".")
}

fn invalid(name: &str, expected: &str) -> ArmError {
    ArmError::invalid_content(format!(
        "The request content was invalid: '{name}' of App Service Authentication must be {expected}."
    ))
}

fn unsupported(what: &str) -> ArmError {
    ArmError::bad_request("BadRequest", format!("Local Azure does not have {what}."))
}

/// The settings without those that are null, which restores their defaults.
pub fn without_nulls(settings: &Map<String, Value>) -> Map<String, Value> {
    let kept = settings.iter().filter(|(_, value)| !value.is_null());
    let kept = kept.map(|(name, value)| {
        let value = match value {
            Value::Object(inner) => Value::Object(without_nulls(inner)),
            other => other.clone(),
        };
        (name.clone(), value)
    });
    kept.collect()
}

/// The settings with the defaults of those that are missing.
pub fn with_defaults(settings: &Map<String, Value>) -> Value {
    let mut shown = json!({
        "platform": {"enabled": false, "runtimeVersion": "~1"},
        "globalValidation": {},
        "identityProviders": {},
        "login": {
            "tokenStore": {"enabled": false, "tokenRefreshExtensionHours": 72.0},
            "preserveUrlFragmentsForLogins": false,
            "allowedExternalRedirectUrls": [],
            "cookieExpiration": {"convention": "FixedTime", "timeToExpiration": "08:00:00"},
            "nonce": {"validateNonce": true, "nonceExpirationInterval": "00:05:00"},
        },
        "httpSettings": {"requireHttps": true, "routes": {"apiPrefix": "/.auth"}},
    });
    merge(&mut shown, &Value::Object(settings.clone()));
    shown
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// Translates classic settings.
///
/// # Errors
///
/// They configure another provider, or a file.
pub fn from_classic(classic: &Map<String, Value>) -> Result<Map<String, Value>, ArmError> {
    let is_set =
        |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && value != "" && *value != json!([]);
    let foreign = classic.iter().find(|(name, value)| {
        OTHER_PROVIDERS.iter().any(|prefix| name.starts_with(prefix)) && is_set(value) && *value != "false"
    });
    if let Some((name, _)) = foreign {
        return Err(unsupported(&format!(
            "the setting {name}: visitors sign in with Microsoft Entra only"
        )));
    }
    let mut settings = Value::Object(Map::new());
    for (name, path) in CLASSIC {
        let Some(value) = classic.get(name).filter(|value| !value.is_null()) else {
            continue;
        };
        let mut at = &mut settings;
        for part in path.split('/').skip(1) {
            if !at.is_object() {
                *at = json!({});
            }
            at = &mut at[part];
        }
        *at = value.clone();
    }
    Ok(settings.as_object().cloned().unwrap_or_default())
}

/// The settings in the classic form.
pub fn to_classic(settings: &Map<String, Value>) -> Value {
    let settings = with_defaults(settings);
    let mut classic = json!({"configVersion": "v1"});
    for (name, path) in CLASSIC {
        classic[name] = settings.pointer(path).cloned().unwrap_or_default();
    }
    classic
}
