//! A visitor who is signed in, as the app sees them.
//! <https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The name of the identity provider.
pub(super) const PROVIDER: &str = "aad";

const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const ROLE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

/// The claims that App Service renames, and their names in the principal. It does so unless the app setting
/// `WEBSITE_AUTH_USE_LEGACY_CLAIMS` is `false`.
/// <https://learn.microsoft.com/azure/app-service/reference-app-settings#authentication--authorization>
const RENAMED: [(&str, &str); 4] = [
    ("email", NAME),
    ("oid", "http://schemas.microsoft.com/identity/claims/objectidentifier"),
    (
        "sub",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier",
    ),
    ("tid", "http://schemas.microsoft.com/identity/claims/tenantid"),
];

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Claim {
    pub(super) typ: String,
    pub(super) val: String,
}

/// A visitor who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Principal {
    /// The object id.
    pub(super) id: String,
    /// The name that the visitor signs in with.
    pub(super) name: String,
    pub(super) claims: Vec<Claim>,
}

impl Principal {
    /// Reads the claims of an ID token. A claim with several values becomes several claims.
    pub(super) fn new(token: &Map<String, Value>, has_legacy_names: bool) -> Self {
        let mut claims = Vec::new();
        for (name, value) in token {
            let renamed = RENAMED.iter().find(|(claim, _)| has_legacy_names && claim == name);
            let typ = renamed.map_or(name.as_str(), |(_, renamed)| renamed);
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            claims.extend(values.iter().map(|value| Claim {
                typ: typ.to_owned(),
                val: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            }));
        }
        let text = |name: &str| token.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            id: text("oid"),
            name: text("preferred_username"),
            claims,
        }
    }

    /// The value of `X-MS-CLIENT-PRINCIPAL`.
    pub(super) fn encoded(&self) -> String {
        let principal = json!({
            "auth_typ": PROVIDER,
            "claims": self.claims,
            "name_typ": NAME,
            "role_typ": ROLE,
        });
        STANDARD.encode(principal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_a_claim() {
        let token = json!({"oid": "1", "exp": 2, "preferred_username": "ada@contoso.com", "roles": ["a", "b"]});
        let principal = Principal::new(token.as_object().unwrap(), true);
        let of = |typ: &str| -> Vec<_> {
            let claims = principal.claims.iter().filter(|claim| claim.typ == typ);
            claims.map(|claim| claim.val.as_str()).collect()
        };
        assert_eq!(of("roles"), ["a", "b"]);
        assert_eq!(of("exp"), ["2"]);
        assert_eq!(
            of("http://schemas.microsoft.com/identity/claims/objectidentifier"),
            ["1"]
        );
        assert_eq!(
            (principal.id.as_str(), principal.name.as_str()),
            ("1", "ada@contoso.com")
        );
        let plain = Principal::new(token.as_object().unwrap(), false);
        assert!(plain.claims.iter().any(|claim| claim.typ == "oid"));
    }
}
