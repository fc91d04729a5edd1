//! The service principals of Microsoft's own APIs, which every tenant has. They cannot sign in here.

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use uuid::{Uuid, uuid};

use super::shown;
use crate::state::State;

/// The tenant of Microsoft's own applications.
const MICROSOFT: Uuid = uuid!("f8cdef31-a31e-4b4a-93e4-5f571e91255a");

/// An API of Microsoft.
pub struct Api {
    pub client_id: Uuid,
    name: &'static str,
    uris: &'static [&'static str],
    /// The ids and names of the permissions that a client has on behalf of a user.
    scopes: &'static [(Uuid, &'static str)],
    /// The ids and names of the permissions that a client has itself.
    roles: &'static [(Uuid, &'static str)],
}

/// <https://learn.microsoft.com/graph/permissions-reference>
pub const APIS: [Api; 2] = [
    Api {
        client_id: uuid!("00000003-0000-0000-c000-000000000000"),
        name: "Microsoft Graph",
        uris: &["https://graph.microsoft.com", "https://graph.microsoft.com/"],
        scopes: &[
            (uuid!("37f7f235-527c-4136-accd-4a02d197296e"), "openid"),
            (uuid!("14dad69e-099b-42c9-810b-d002981feec1"), "profile"),
            (uuid!("64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0"), "email"),
            (uuid!("7427e0e9-2fba-42fe-b0c0-848c9e6a8182"), "offline_access"),
            (uuid!("e1fe6dd8-ba31-4d61-89e7-88639da4683d"), "User.Read"),
            (uuid!("a154be20-db9c-4678-8ab7-66f6cc099a59"), "User.Read.All"),
            (uuid!("06da0dbc-49e2-44d2-8312-53f166ab848a"), "Directory.Read.All"),
            (uuid!("570282fd-fa5c-430d-a7fd-fc8dc98a9dca"), "Mail.Read"),
            (uuid!("e383f46e-2787-4529-855e-0e479a3ffac0"), "Mail.Send"),
        ],
        roles: &[
            (uuid!("df021288-bdef-4463-88db-98f22de89214"), "User.Read.All"),
            (uuid!("7ab1d382-f21e-4acd-a863-ba3e13f7da61"), "Directory.Read.All"),
            (uuid!("5b567255-7703-4780-807c-7be8301ae99b"), "Group.Read.All"),
            (uuid!("b633e1c5-b582-4048-a93e-9f11b44c7e96"), "Mail.Send"),
        ],
    },
    Api {
        client_id: uuid!("797f4846-ba00-4fd7-ba43-dac1f8f63013"),
        name: "Windows Azure Service Management API",
        uris: &["https://management.azure.com/", "https://management.core.windows.net/"],
        scopes: &[(uuid!("41094075-9dad-400e-a0bd-54e686782033"), "user_impersonation")],
        roles: &[],
    },
];

impl Api {
    /// The API with that object id.
    pub fn find(state: &State, id: Uuid) -> Option<&'static Self> {
        APIS.iter().find(|api| api.id(state) == id)
    }

    /// Its object id, which differs between tenants.
    pub fn id(&self, state: &State) -> Uuid {
        shown::id_of(&Sha1::digest(format!("{}/{}", state.tenant, self.client_id)).into())
    }

    /// Its service principal as Graph shows it.
    pub fn show(&self, state: &State) -> Value {
        let mut value = shown::new_service_principal(self.id(state), self.client_id);
        let mut names = vec![self.client_id.to_string()];
        names.extend(self.uris.iter().map(|uri| (*uri).to_owned()));
        let scopes = self.scopes.iter().map(|(id, name)| {
            json!({
                "id": id, "value": name, "type": "User", "isEnabled": true,
                "adminConsentDisplayName": name, "adminConsentDescription": name,
                "userConsentDisplayName": name, "userConsentDescription": name,
            })
        });
        let roles = self.roles.iter().map(|(id, name)| {
            json!({
                "id": id, "value": name, "isEnabled": true, "displayName": name, "description": name,
                "allowedMemberTypes": ["Application"], "origin": "Application",
            })
        });
        value["displayName"] = self.name.into();
        value["appDisplayName"] = self.name.into();
        value["appOwnerOrganizationId"] = json!(MICROSOFT);
        value["servicePrincipalNames"] = json!(names);
        value["servicePrincipalType"] = "Application".into();
        value["oauth2PermissionScopes"] = scopes.collect();
        value["appRoles"] = roles.collect();
        value
    }
}
