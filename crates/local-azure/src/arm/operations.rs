//! Long-running operations, which a client polls.
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>

use std::collections::VecDeque;
use std::sync::Mutex;

use axum::http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::ArmError;
use super::running::Running;
use crate::state::ResourceId;

/// How many operations are remembered.
const LIMIT: usize = 1000;

/// The operations of this process. Their changes are on disk before they are answered, so an operation of an earlier
/// process has nothing left to do.
#[derive(Default)]
pub struct Operations(Mutex<VecDeque<Operation>>);

struct Operation {
    id: Uuid,
    /// How often a client has asked.
    polls: u32,
    /// The operation ends once the services of these resources match the state.
    resources: Vec<ResourceId>,
}

/// How an operation stands.
enum Progress {
    Running,
    Done,
    Failed(String),
}

impl Operations {
    /// The answer that an operation was accepted. It ends once the services of these resources match the state, but not
    /// before a client asks for the second time.
    pub fn accepted(&self, call: &Call, resources: Vec<ResourceId>) -> Answer {
        let id = Uuid::new_v4();
        let mut all = self.0.lock().expect("no thread panics while holding the lock");
        all.push_back(Operation {
            id,
            polls: 0,
            resources,
        });
        if all.len() > LIMIT {
            all.pop_front();
        }
        let subscription = call.azure.state().subscription;
        let url = |kind: &str| {
            let version = call.query("api-version").unwrap_or_default();
            format!(
                "{}/subscriptions/{subscription}/{kind}/{id}?api-version={version}",
                call.base
            )
        };
        Answer {
            status: StatusCode::ACCEPTED,
            headers: vec![
                ("location", url("operationresults")),
                ("azure-asyncoperation", url("operations")),
                ("retry-after", "1".to_owned()),
                ("retry-after-ms", "100".to_owned()),
            ],
            body: None,
            text: None,
        }
    }

    fn progress(&self, running: &Running, id: &str) -> Result<Progress, ArmError> {
        let missing = || {
            let message = format!("The operation '{id}' could not be found.");
            ArmError::not_found("OperationNotFound", message)
        };
        let id = Uuid::try_parse(id).map_err(|_| missing())?;
        let resources = {
            let mut all = self.0.lock().expect("no thread panics while holding the lock");
            let mut all = all.iter_mut();
            let operation = all.find(|operation| operation.id == id).ok_or_else(missing)?;
            operation.polls += 1;
            if operation.polls < 2 {
                return Ok(Progress::Running);
            }
            operation.resources.clone()
        };
        for resource in &resources {
            match running.is_settled(resource) {
                Ok(true) => {}
                Ok(false) => return Ok(Progress::Running),
                Err(why) => return Ok(Progress::Failed(why)),
            }
        }
        Ok(Progress::Done)
    }

    /// `GET /subscriptions/{id}/operationresults/{operation}`: 202 until the operation has ended.
    pub fn result(&self, running: &Running, call: &Call, id: &str) -> Result<Answer, ArmError> {
        match self.progress(running, id)? {
            Progress::Done => return Ok(Answer::empty(StatusCode::OK)),
            Progress::Failed(why) => return Err(failed(why)),
            Progress::Running => {}
        }
        let mut answer = Answer::empty(StatusCode::ACCEPTED);
        let version = call.query("api-version").unwrap_or_default();
        let location = format!("{}/{}?api-version={version}", call.base, call.path.join("/"));
        answer.headers = vec![
            ("location", location),
            ("retry-after", "1".to_owned()),
            ("retry-after-ms", "100".to_owned()),
        ];
        Ok(answer)
    }

    /// `GET /subscriptions/{id}/operations/{operation}`: the operation's status.
    pub fn status(&self, running: &Running, id: &str) -> Result<Answer, ArmError> {
        let mut body = json!({"name": id});
        match self.progress(running, id)? {
            Progress::Running => body["status"] = "InProgress".into(),
            Progress::Done => body["status"] = "Succeeded".into(),
            Progress::Failed(why) => {
                let error = failed(why);
                body["status"] = "Failed".into();
                body["error"] = json!({"code": error.code, "message": error.message});
            }
        }
        let mut answer = Answer::ok(body);
        answer.headers = vec![("retry-after-ms", "100".to_owned())];
        Ok(answer)
    }
}

fn failed(why: String) -> ArmError {
    ArmError::new(StatusCode::INTERNAL_SERVER_ERROR, "OperationFailed", why)
}
