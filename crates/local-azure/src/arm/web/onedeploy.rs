//! Deploying a package of this machine.

use serde_json::json;
use tokio::runtime::Handle;
use url::Url;

use super::shared::find;
use crate::app_service::{Origin, Package};
use crate::arm::answer::Answer;
use crate::arm::call::{self, Call};
use crate::arm::error::ArmError;
use crate::arm::locks::{self, Change};
use crate::arm::service::{Arm, Clients};
use crate::state::ResourceId;

/// `PUT …/extensions/onedeploy`: deploys a package, and waits until the app is ready.
pub fn deploy(arm: &Arm, call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, "Microsoft.Web/sites/extensions/write", site)?;
    find(&state, site)?;
    locks::check(&state, site, Change::Write)?;
    let address = call::required(call.properties()?, "packageUri")?;
    let path = Url::parse(address).ok().and_then(|address| address.to_file_path().ok());
    let (Some(path), Clients::Commands, Some(apps)) = (path, &arm.clients, &arm.running.apps) else {
        return Err(ArmError::bad_request(
            "BadRequest",
            "Local Azure deploys only packages of this machine: use `local-azure deploy APP PATH`.",
        ));
    };
    let origin = Origin {
        deployer: "OneDeploy",
        author: call.caller.display_name.clone(),
    };
    let deployed = Handle::current().block_on(async { apps.deploy(site.name(), &Package::at(&path)?, origin).await });
    let deployed = deployed.map_err(|error| ArmError::conflict("DeploymentFailed", error.to_string()))?;
    if let Some(why) = deployed.failure {
        let message = format!("{} is deployed, but does not start yet. {why}", site.name());
        return Err(ArmError::conflict("NotStarted", message));
    }
    Ok(Answer::ok(json!({
        "id": format!("{site}/extensions/onedeploy"),
        "name": "onedeploy",
        "type": "Microsoft.Web/sites/extensions",
        "properties": {"provisioningState": "Succeeded"},
    })))
}
