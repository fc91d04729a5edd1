//! Long-running operations, which a client polls.
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>

use std::collections::VecDeque;
use std::sync::Mutex;

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::ArmError;

/// How many operations are remembered.
const LIMIT: usize = 1000;

/// The operations of this process. An operation of an earlier process has ended, because changes are on disk before they
/// are answered.
#[derive(Default)]
pub struct Operations(Mutex<VecDeque<Operation>>);

struct Operation {
    id: Uuid,
    /// How often a client has asked.
    polls: u32,
}

impl Operations {
    /// The answer that an operation was accepted. A client learns at its second request that it has ended.
    pub fn accepted(&self, call: &Call, body: Option<Value>) -> Answer {
        let id = Uuid::new_v4();
        let mut all = self.0.lock().expect("no thread panics while holding the lock");
        all.push_back(Operation { id, polls: 0 });
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
            body,
            text: None,
        }
    }

    /// Whether the operation is still running, as far as a client sees.
    fn is_running(&self, id: &str) -> Result<bool, ArmError> {
        let id = Uuid::try_parse(id).map_err(|_| {
            let message = format!("The operation '{id}' could not be found.");
            ArmError::not_found("OperationNotFound", message)
        })?;
        let mut all = self.0.lock().expect("no thread panics while holding the lock");
        let found = all.iter_mut().find(|operation| operation.id == id);
        Ok(found.is_some_and(|operation| {
            operation.polls += 1;
            operation.polls < 2
        }))
    }

    /// `GET /subscriptions/{id}/operationresults/{operation}`: 202 until the operation has ended.
    pub fn result(&self, call: &Call, id: &str) -> Result<Answer, ArmError> {
        if !self.is_running(id)? {
            return Ok(Answer::empty(StatusCode::OK));
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
    pub fn status(&self, id: &str) -> Result<Answer, ArmError> {
        let status = if self.is_running(id)? {
            "InProgress"
        } else {
            "Succeeded"
        };
        let mut answer = Answer::ok(json!({"name": id, "status": status}));
        answer.headers = vec![("retry-after-ms", "100".to_owned())];
        Ok(answer)
    }
}
