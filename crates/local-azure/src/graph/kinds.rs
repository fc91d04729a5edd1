//! The properties of each kind of object, as in Graph's reference.

use super::properties::Kind;
use super::properties::Type::{Flag, Id, Object, Objects, ReadOnly, Text, Texts, Time};

/// <https://learn.microsoft.com/graph/api/resources/user>
pub const USER: Kind = Kind {
    resource: "User",
    properties: &[
        (
            Text,
            "aboutMe ageGroup city companyName consentProvidedForMinor country department displayName employeeId \
             employeeType faxNumber givenName jobTitle mail mailNickname mobilePhone mySite officeLocation \
             onPremisesImmutableId passwordPolicies postalCode preferredDataLocation preferredLanguage preferredName \
             state streetAddress surname usageLocation userPrincipalName userType",
        ),
        (Flag, "accountEnabled showInAddressList"),
        (
            Texts,
            "businessPhones interests otherMails pastProjects responsibilities schools skills",
        ),
        (Time, "birthday employeeHireDate employeeLeaveDateTime hireDate"),
        (Objects, "identities"),
        (
            Object,
            "customSecurityAttributes employeeOrgData onPremisesExtensionAttributes passwordProfile",
        ),
        (
            ReadOnly,
            "id assignedLicenses assignedPlans authorizationInfo createdDateTime creationType deletedDateTime \
             externalUserState externalUserStateChangeDateTime imAddresses isManagementRestricted isResourceAccount \
             lastPasswordChangeDateTime legalAgeGroupClassification licenseAssignmentStates onPremisesDistinguishedName \
             onPremisesDomainName onPremisesLastSyncDateTime onPremisesProvisioningErrors onPremisesSamAccountName \
             onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName provisionedPlans \
             proxyAddresses securityIdentifier serviceProvisioningErrors signInActivity \
             signInSessionsValidFromDateTime",
        ),
    ],
};

/// <https://learn.microsoft.com/graph/api/resources/group>
pub const GROUP: Kind = Kind {
    resource: "Group",
    properties: &[
        (
            Text,
            "classification description displayName mailNickname membershipRule membershipRuleProcessingState \
             preferredDataLocation preferredLanguage theme uniqueName visibility",
        ),
        (
            Flag,
            "allowExternalSenders autoSubscribeNewMembers hideFromAddressLists hideFromOutlookClients \
             isAssignableToRole mailEnabled securityEnabled",
        ),
        (Texts, "groupTypes resourceBehaviorOptions resourceProvisioningOptions"),
        (Objects, "assignedLabels"),
        (
            ReadOnly,
            "id assignedLicenses createdDateTime creationOptions deletedDateTime expirationDateTime \
             hasMembersWithLicenseErrors isArchived isManagementRestricted isSubscribedByMail licenseProcessingState mail \
             onPremisesDomainName onPremisesLastSyncDateTime onPremisesNetBiosName onPremisesProvisioningErrors \
             onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled proxyAddresses renewedDateTime \
             securityIdentifier serviceProvisioningErrors unseenCount",
        ),
    ],
};

/// <https://learn.microsoft.com/graph/api/resources/application>
pub const APPLICATION: Kind = Kind {
    resource: "Application",
    properties: &[
        (
            Text,
            "defaultRedirectUri description displayName groupMembershipClaims nativeAuthenticationApisEnabled notes \
             samlMetadataUrl serviceManagementReference signInAudience uniqueName",
        ),
        (Id, "tokenEncryptionKeyId"),
        (
            Flag,
            "isDeviceOnlyAuthSupported isFallbackPublicClient oauth2RequirePostResponse",
        ),
        (Texts, "identifierUris managerApplications tags"),
        (
            Objects,
            "addIns appRoles keyCredentials passwordCredentials requiredResourceAccess",
        ),
        (
            Object,
            "api authenticationBehaviors info optionalClaims parentalControlSettings publicClient \
             requestSignatureVerification servicePrincipalLockConfiguration spa web",
        ),
        (
            ReadOnly,
            "id appId applicationTemplateId certification createdByAppId createdDateTime deletedDateTime \
             disabledByMicrosoftStatus isDisabled logo publisherDomain verifiedPublisher",
        ),
    ],
};

/// <https://learn.microsoft.com/graph/api/resources/serviceprincipal>
pub const SERVICE_PRINCIPAL: Kind = Kind {
    resource: "ServicePrincipal",
    properties: &[
        (
            Text,
            "description homepage loginUrl logoutUrl notes preferredSingleSignOnMode preferredTokenSigningKeyThumbprint",
        ),
        (Id, "tokenEncryptionKeyId"),
        (Flag, "accountEnabled appRoleAssignmentRequired"),
        (Texts, "alternativeNames notificationEmailAddresses replyUrls tags"),
        (Objects, "addIns appRoles keyCredentials oauth2PermissionScopes"),
        (Object, "customSecurityAttributes info samlSingleSignOnSettings"),
        (
            ReadOnly,
            "id appDescription appDisplayName appId appOwnerOrganizationId applicationTemplateId createdByAppId \
             createdDateTime deletedDateTime disabledByMicrosoftStatus displayName isDisabled passwordCredentials \
             resourceSpecificApplicationPermissions servicePrincipalNames servicePrincipalType signInAudience \
             verifiedPublisher",
        ),
    ],
};

/// <https://learn.microsoft.com/graph/api/resources/federatedidentitycredential>
pub const FEDERATED_CREDENTIAL: Kind = Kind {
    resource: "FederatedIdentityCredential",
    properties: &[
        (Text, "description issuer name subject"),
        (Texts, "audiences"),
        (ReadOnly, "id"),
    ],
};

/// <https://learn.microsoft.com/graph/api/resources/passwordcredential>
pub const PASSWORD_CREDENTIAL: Kind = Kind {
    resource: "PasswordCredential",
    properties: &[
        (
            Text,
            "customKeyIdentifier displayName endDateTime hint secretText startDateTime",
        ),
        (Id, "keyId"),
    ],
};

/// <https://learn.microsoft.com/graph/api/resources/keycredential>
pub const KEY_CREDENTIAL: Kind = Kind {
    resource: "KeyCredential",
    properties: &[
        (
            Text,
            "customKeyIdentifier displayName endDateTime key startDateTime type usage",
        ),
        (Id, "keyId"),
    ],
};

/// <https://learn.microsoft.com/graph/api/resources/passwordprofile>
pub const PASSWORD_PROFILE: Kind = Kind {
    resource: "PasswordProfile",
    properties: &[
        (Text, "password"),
        (
            Flag,
            "forceChangePasswordNextSignIn forceChangePasswordNextSignInWithMfa",
        ),
    ],
};

/// <https://learn.microsoft.com/graph/api/resources/oauth2permissiongrant>
pub const PERMISSION_GRANT: Kind = Kind {
    resource: "OAuth2PermissionGrant",
    properties: &[
        (Text, "consentType scope"),
        (Id, "clientId principalId resourceId"),
        (Time, "expiryTime startTime"),
        (ReadOnly, "id"),
    ],
};

/// <https://learn.microsoft.com/graph/api/resources/approleassignment>
pub const APP_ROLE_ASSIGNMENT: Kind = Kind {
    resource: "AppRoleAssignment",
    properties: &[
        (Id, "appRoleId principalId resourceId"),
        (
            ReadOnly,
            "createdDateTime deletedDateTime id principalDisplayName principalType resourceDisplayName",
        ),
    ],
};
