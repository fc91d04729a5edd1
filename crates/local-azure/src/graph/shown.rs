//! Objects as Graph shows them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use super::properties::show;
use crate::state::{
    Application, ClientSecret, DOMAIN, Group, ManagedIdentity, ServicePrincipal, State, User, View as _,
};

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
        "displayName": display,
        "mailNickname": display,
        "accountEnabled": true,
        "businessPhones": [],
        "userType": "Member",
    });
    for property in DEFAULT_PROPERTIES {
        if value.get(property).is_none() {
            value[property] = Value::Null;
        }
    }
    show(&mut value, &user.properties);
    value["id"] = json!(user.id);
    value["userPrincipalName"] = json!(name);
    value
}

/// A group as Graph shows it.
pub fn group(group: &Group) -> Value {
    let mut value = json!({
        "@odata.type": "#microsoft.graph.group",
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
    show(&mut value, &group.properties);
    value["id"] = json!(group.id);
    value["displayName"] = json!(group.display_name);
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
    let der = der(pem);
    let thumbprint: [u8; 20] = Sha1::digest(&der).into();
    let parsed = X509Certificate::from_der(&der).ok();
    let validity = parsed.as_ref().map(|(_, certificate)| certificate.validity());
    let text = |time: ASN1Time| time.to_datetime().format(&Rfc3339).ok();
    json!({
        "customKeyIdentifier": hex::encode_upper(thumbprint),
        "displayName": null,
        "startDateTime": validity.and_then(|validity| text(validity.not_before)),
        "endDateTime": validity.and_then(|validity| text(validity.not_after)),
        "key": null,
        "keyId": id_of(&thumbprint),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    })
}

/// The id of a certificate.
pub fn certificate_id(pem: &str) -> Uuid {
    id_of(&Sha1::digest(der(pem)).into())
}

fn der(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(&base64).unwrap_or_default()
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
        "publisherDomain": DOMAIN,
        "requiredResourceAccess": [],
        "signInAudience": "AzureADMyOrg",
        "spa": {"redirectUris": []},
        "tags": [],
        "web": {"redirectUris": [], "homePageUrl": null, "logoutUrl": null,
                "implicitGrantSettings": {"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false}},
    });
    show(&mut value, &application.properties);
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

/// The service principal of an application.
pub fn service_principal(state: &State, principal: &ServicePrincipal, application: Option<&Application>) -> Value {
    let mut value = new_service_principal(principal.id, principal.client_id);
    show(&mut value, &principal.properties);
    let mut names = vec![principal.client_id.to_string()];
    if let Some(application) = application {
        value["displayName"] = json!(application.display_name);
        value["appDisplayName"] = json!(application.display_name);
        names.extend(application.identifier_uris.iter().cloned());
    }
    value["servicePrincipalType"] = "Application".into();
    value["servicePrincipalNames"] = json!(names);
    value["appOwnerOrganizationId"] = json!(state.tenant);
    value["passwordCredentials"] = principal.secrets.iter().map(secret).collect();
    value["keyCredentials"] = principal.certificates.iter().map(|pem| certificate(pem)).collect();
    value
}

/// The service principal of a managed identity.
pub fn identity(identity: &ManagedIdentity) -> Value {
    let mut value = new_service_principal(identity.principal_id, identity.client_id);
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
}

/// A service principal without a name.
pub fn new_service_principal(id: Uuid, client_id: Uuid) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": id,
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
