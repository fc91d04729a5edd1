//! Objects as Graph shows them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use uuid::Uuid;

use crate::state::{Application, ClientSecret, Group, ManagedIdentity, State, User, View as _};

/// The object with that id, with the type that it has.
pub fn object(state: &State, id: Uuid) -> Option<Value> {
    let directory = &state.directory;
    let user = directory.users.iter().find(|user| user.id == id).map(user);
    let group = || directory.groups.iter().find(|group| group.id == id).map(group);
    let application = || directory.applications.iter().find(|one| one.id == id).map(application);
    let principal = || {
        service_principals(state)
            .into_iter()
            .find(|value| value["id"] == id.to_string())
    };
    user.or_else(group).or_else(application).or_else(principal)
}

/// The properties that a request without `$select` gets.
/// <https://learn.microsoft.com/graph/api/user-get>
pub const DEFAULT_PROPERTIES: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];

/// A user with all properties.
pub fn user(user: &User) -> Value {
    let name = &user.user_principal_name;
    let display = name.split('@').next().unwrap_or_default();
    let mut value = json!({
        "@odata.type": "#microsoft.graph.user",
        "id": user.id,
        "userPrincipalName": name,
        "displayName": display,
        "mailNickname": display,
        "accountEnabled": true,
        "businessPhones": [],
        "userType": "Member",
    });
    for empty in [
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
    ] {
        value[empty] = Value::Null;
    }
    for (property, other) in &user.other {
        value[property] = other.clone();
    }
    value
}

/// A group as Graph shows it.
pub fn group(group: &Group) -> Value {
    let mut value = json!({
        "@odata.type": "#microsoft.graph.group",
        "id": group.id,
        "displayName": group.display_name,
        "description": null,
        "groupTypes": [],
        "mail": null,
        "mailEnabled": false,
        "mailNickname": group.display_name.replace(' ', ""),
        "securityEnabled": true,
        "creationOptions": [],
        "proxyAddresses": [],
        "resourceBehaviorOptions": [],
        "resourceProvisioningOptions": [],
        "onPremisesProvisioningErrors": [],
        "visibility": null,
    });
    for (property, other) in &group.other {
        value[property] = other.clone();
    }
    value
}

/// A client secret, without its text.
pub fn secret(secret: &ClientSecret) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": secret.display_name,
        "startDateTime": secret.start,
        "endDateTime": secret.end,
        "hint": secret.hint,
        "keyId": secret.key_id,
        "secretText": null,
    })
}

/// A certificate, whose id follows from its thumbprint.
pub fn certificate(pem: &str) -> Value {
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(&base64).unwrap_or_default();
    let thumbprint: [u8; 20] = Sha1::digest(&der).into();
    json!({
        "customKeyIdentifier": hex::encode_upper(thumbprint),
        "displayName": null,
        "startDateTime": null,
        "endDateTime": null,
        "key": null,
        "keyId": id_of(&thumbprint),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    })
}

/// An application as Graph shows it.
pub fn application(application: &Application) -> Value {
    let mut value = json!({
        "@odata.type": "#microsoft.graph.application",
        "addIns": [],
        "api": {"acceptMappedClaims": null, "knownClientApplications": [], "oauth2PermissionScopes": [],
                "preAuthorizedApplications": [], "requestedAccessTokenVersion": null},
        "appRoles": [],
        "info": {},
        "publicClient": {"redirectUris": []},
        "publisherDomain": "contoso.onmicrosoft.com",
        "requiredResourceAccess": [],
        "signInAudience": "AzureADMyOrg",
        "spa": {"redirectUris": []},
        "tags": [],
        "web": {"redirectUris": [], "homePageUrl": null, "logoutUrl": null,
                "implicitGrantSettings": {"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false}},
    });
    for (property, other) in &application.other {
        value[property] = other.clone();
    }
    value["id"] = json!(application.id);
    value["appId"] = json!(application.client_id);
    value["displayName"] = json!(application.display_name);
    value["identifierUris"] = json!(application.identifier_uris);
    value["passwordCredentials"] = application.secrets.iter().map(secret).collect();
    value["keyCredentials"] = application.certificates.iter().map(|pem| certificate(pem)).collect();
    value
}

/// The first bytes of a hash as an id.
pub fn id_of(hash: &[u8; 20]) -> Uuid {
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    Uuid::from_bytes(id)
}

/// All service principals as Graph shows them.
pub fn service_principals(state: &State) -> Vec<Value> {
    let applications = &state.directory.applications;
    let of_applications = state.directory.service_principals.iter().map(|principal| {
        let mut value = common(principal.id, principal.client_id);
        value["servicePrincipalType"] = "Application".into();
        let mut names = vec![principal.client_id.to_string()];
        if let Some(application) = applications.iter().find(|one| one.client_id == principal.client_id) {
            value["displayName"] = json!(application.display_name);
            value["appDisplayName"] = json!(application.display_name);
            names.extend(application.identifier_uris.iter().cloned());
        }
        value["passwordCredentials"] = principal.secrets.iter().map(secret).collect();
        value["keyCredentials"] = principal.certificates.iter().map(|pem| certificate(pem)).collect();
        value["servicePrincipalNames"] = json!(names);
        value["appOwnerOrganizationId"] = json!(state.tenant);
        for (property, other) in &principal.other {
            value[property] = other.clone();
        }
        value
    });
    let identities = state.identities().map(|identity| {
        let mut value = common(identity.principal_id, identity.client_id);
        let is_explicit = if identity.resource_id.is(ManagedIdentity::KIND) {
            "True"
        } else {
            "False"
        };
        value["servicePrincipalType"] = "ManagedIdentity".into();
        value["displayName"] = identity.resource_id.name().into();
        value["servicePrincipalNames"] = json!([
            identity.client_id,
            format!("https://identity.azure.net/{}", identity.client_id)
        ]);
        value["alternativeNames"] = json!([format!("isExplicit={is_explicit}"), identity.resource_id]);
        value
    });
    of_applications.chain(identities).collect()
}

fn common(id: Uuid, client_id: Uuid) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": id.to_string(),
        "appId": client_id,
        "displayName": null,
        "appDisplayName": null,
        "accountEnabled": true,
        "alternativeNames": [],
        "appRoleAssignmentRequired": false,
        "appRoles": [],
        "info": {},
        "keyCredentials": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "replyUrls": [],
        "signInAudience": "AzureADMyOrg",
        "tags": [],
    })
}
