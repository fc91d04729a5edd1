//! The regions.
//! <https://learn.microsoft.com/azure/reliability/regions-list>

/// The names of the regions, as `az account list-locations` shows them.
pub const LOCATIONS: [(&str, &str); 55] = [
    ("eastus", "East US"),
    ("eastus2", "East US 2"),
    ("southcentralus", "South Central US"),
    ("westus2", "West US 2"),
    ("westus3", "West US 3"),
    ("australiaeast", "Australia East"),
    ("southeastasia", "Southeast Asia"),
    ("northeurope", "North Europe"),
    ("swedencentral", "Sweden Central"),
    ("uksouth", "UK South"),
    ("westeurope", "West Europe"),
    ("centralus", "Central US"),
    ("southafricanorth", "South Africa North"),
    ("centralindia", "Central India"),
    ("eastasia", "East Asia"),
    ("indonesiacentral", "Indonesia Central"),
    ("japaneast", "Japan East"),
    ("japanwest", "Japan West"),
    ("koreacentral", "Korea Central"),
    ("malaysiawest", "Malaysia West"),
    ("newzealandnorth", "New Zealand North"),
    ("canadacentral", "Canada Central"),
    ("austriaeast", "Austria East"),
    ("francecentral", "France Central"),
    ("germanywestcentral", "Germany West Central"),
    ("italynorth", "Italy North"),
    ("norwayeast", "Norway East"),
    ("polandcentral", "Poland Central"),
    ("spaincentral", "Spain Central"),
    ("switzerlandnorth", "Switzerland North"),
    ("mexicocentral", "Mexico Central"),
    ("uaenorth", "UAE North"),
    ("brazilsouth", "Brazil South"),
    ("chilecentral", "Chile Central"),
    ("israelcentral", "Israel Central"),
    ("qatarcentral", "Qatar Central"),
    ("northcentralus", "North Central US"),
    ("westus", "West US"),
    ("westcentralus", "West Central US"),
    ("australiacentral", "Australia Central"),
    ("australiasoutheast", "Australia Southeast"),
    ("koreasouth", "Korea South"),
    ("southindia", "South India"),
    ("westindia", "West India"),
    ("canadaeast", "Canada East"),
    ("francesouth", "France South"),
    ("germanynorth", "Germany North"),
    ("norwaywest", "Norway West"),
    ("switzerlandwest", "Switzerland West"),
    ("ukwest", "UK West"),
    ("uaecentral", "UAE Central"),
    ("brazilsoutheast", "Brazil Southeast"),
    ("southafricawest", "South Africa West"),
    ("belgiumcentral", "Belgium Central"),
    ("denmarkeast", "Denmark East"),
];

/// The location of resources that belong to no region.
const GLOBAL: &str = "global";

/// The region as it is written without blanks, if it is known.
pub fn region(text: &str) -> Option<&'static str> {
    let plain = text.replace(' ', "").to_ascii_lowercase();
    LOCATIONS.iter().map(|(name, _)| *name).find(|name| *name == plain)
}

/// The region as it is written without blanks, or `global`.
pub fn location(text: &str) -> Option<&'static str> {
    if text.eq_ignore_ascii_case(GLOBAL) {
        return Some(GLOBAL);
    }
    region(text)
}
