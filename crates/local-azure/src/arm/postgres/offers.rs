//! The sizes and versions that a new server can have, and whether its name is free.

use axum::http::Method;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::{Call, required};
use crate::arm::error::ArmError;
use crate::postgres::is_server_name;
use crate::state::{PostgresServer, View as _};

/// The major versions that Azure offers, oldest first.
pub const VERSIONS: [&str; 8] = ["11", "12", "13", "14", "15", "16", "17", "18"];

/// A performance tier of disks.
pub struct Tier {
    pub name: &'static str,
    /// The largest disk that has this tier if no other one was chosen.
    pub gigabytes: u64,
    pub iops: u32,
}

impl Tier {
    const fn new(name: &'static str, gigabytes: u64, iops: u32) -> Self {
        Self { name, gigabytes, iops }
    }
}

/// The performance tiers, slowest first.
/// <https://learn.microsoft.com/azure/postgresql/compute-storage/concepts-storage-premium-ssd>
pub const TIERS: [Tier; 11] = [
    Tier::new("P4", 32, 120),
    Tier::new("P6", 64, 240),
    Tier::new("P10", 128, 500),
    Tier::new("P15", 256, 1100),
    Tier::new("P20", 512, 2300),
    Tier::new("P30", 1024, 5000),
    Tier::new("P40", 2048, 7500),
    Tier::new("P50", 4096, 7500),
    Tier::new("P60", 8192, 16000),
    Tier::new("P70", 16384, 18000),
    Tier::new("P80", 32767, 20000),
];

/// The features of a location. What is supported is kept, and does nothing.
const FEATURES: [&str; 5] = [
    "OfferRestricted",
    "ZoneRedundantHa",
    "GeoBackup",
    "IndexTuning",
    "OnlineResize",
];

/// `POST …/checkNameAvailability`
pub fn check_name(call: &Call) -> Result<Answer, ArmError> {
    call.needs(&Method::POST)?;
    let state = call.azure.state();
    call.check_member(&state, "Microsoft.DBforPostgreSQL/checkNameAvailability/action")?;
    let body = call.object()?;
    let name = required(body, "name")?;
    let kind = body.get("type").and_then(Value::as_str).unwrap_or(PostgresServer::KIND);
    let (reason, message) = if state.find::<PostgresServer>(name).is_some() {
        ("AlreadyExists", "Specified server name is already used.")
    } else if is_server_name(name) {
        ("", "")
    } else {
        (
            "Invalid",
            "A server name has 3 to 63 lower-case letters, digits and hyphens.",
        )
    };
    Ok(Answer::ok(json!({
        "name": name,
        "type": kind,
        "nameAvailable": reason.is_empty(),
        "reason": if reason.is_empty() { Value::Null } else { reason.into() },
        "message": message,
    })))
}

/// `GET …/capabilities`: the sizes and versions that can be chosen. They make no difference here.
pub fn capabilities(call: &Call) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check_member(&state, "Microsoft.DBforPostgreSQL/locations/capabilities/read")?;
    let sku = |(name, cores): &(&str, u32)| {
        json!({
            "name": name, "vCores": cores, "supportedIops": 3200, "supportedMemoryPerVcoreMb": 4096,
            "supportedZones": ["1", "2", "3"], "supportedHaMode": ["SameZone", "ZoneRedundant"], "supportedFeatures": [],
            "securityProfile": "Standard",
        })
    };
    let size = |(at, size): (usize, &Tier)| {
        let higher = TIERS[at..].iter();
        let tiers: Vec<_> = higher
            .map(|tier| json!({"name": tier.name, "iops": tier.iops}))
            .collect();
        json!({
            "storageSizeMb": size.gigabytes * 1024, "supportedIops": size.iops, "supportedMaximumIops": null,
            "defaultIopsTier": size.name, "supportedIopsTiers": tiers,
        })
    };
    let sizes: Vec<_> = TIERS.iter().enumerate().map(size).collect();
    let edition = |name: &str, default: &str, skus: &[(&str, u32)]| {
        json!({
            "name": name,
            "defaultSkuName": default,
            "supportedStorageEditions": [
                {"name": "ManagedDisk", "defaultStorageSizeMb": 131_072, "supportedStorageMb": sizes},
            ],
            "supportedServerSkus": skus.iter().map(sku).collect::<Vec<_>>(),
        })
    };
    // With the newer versions in the list, the CLI requests an upgrade, and gets an answer that says why there is none.
    let newer = |at: usize| &VERSIONS[at + 1..];
    let versions = VERSIONS.iter().enumerate();
    let versions = versions.map(|(at, version)| json!({"name": version, "supportedVersionsToUpgrade": newer(at)}));
    let versions: Vec<_> = versions.collect();
    let feature = |name: &str| {
        let status = if name == "ZoneRedundantHa" {
            "Enabled"
        } else {
            "Disabled"
        };
        json!({"name": name, "status": status})
    };
    let value = json!({
        "name": "FlexibleServerCapabilities",
        "supportedServerEditions": [
            edition("Burstable", "Standard_B1ms", &[("Standard_B1ms", 1), ("Standard_B2s", 2), ("Standard_B2ms", 2)]),
            edition(
                "GeneralPurpose",
                "Standard_D2ds_v5",
                &[
                    ("Standard_D2ds_v4", 2),
                    ("Standard_D2s_v3", 2),
                    ("Standard_D2ds_v5", 2),
                    ("Standard_D4ds_v5", 4),
                ],
            ),
            edition("MemoryOptimized", "Standard_E2ds_v5", &[("Standard_E2ds_v4", 2), ("Standard_E2ds_v5", 2)]),
        ],
        "supportedServerVersions": versions,
        "supportedFeatures": FEATURES.map(feature),
        "fastProvisioningSupported": "Disabled",
        "geoBackupSupported": "Disabled",
        "zoneRedundantHaSupported": "Enabled",
        "restricted": "Disabled",
    });
    Answer::list(call, vec![value])
}
