//! Microsoft Graph, which is `https://graph.microsoft.com` on Azure: the directory.
//!
//! In reading order: `call` and `error`, `routes`, `query` and its parts (lists), `rights` (who may change what), `kinds` and
//! `properties` (what can be set), and a module for each kind of object.

mod answer;
mod app_roles;
mod applications;
mod batch;
mod built_in;
mod call;
mod conditions;
mod credentials;
mod directory_objects;
mod error;
mod expand;
mod federated_credentials;
mod groups;
mod kinds;
mod objects;
mod order;
mod page;
mod permission_grants;
mod properties;
mod query;
mod references;
mod rights;
mod routes;
mod schema;
mod search;
mod service_principals;
mod shown;
mod tenant;
mod users;

use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::{Request, State as Extracted};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::FutureExt as _;

use self::answer::{Answer, Ids};
use self::call::Call;
use self::error::GraphError;
use crate::azure::Azure;
use crate::bearer::{self, Unauthenticated};
use crate::one_line::one_line;
use crate::state::Principal;
use crate::tokens::GRAPH;

/// The client id of Microsoft Graph, which is also accepted as the audience of tokens.
const GRAPH_CLIENT: &str = "00000003-0000-0000-c000-000000000000";

/// The largest body.
const BODY_LIMIT: usize = 4 << 20;

/// The routes of Graph.
pub fn router(azure: &Azure) -> Router {
    Router::new().fallback(handle).with_state(azure.clone())
}

async fn handle(Extracted(azure): Extracted<Azure>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let ids = Ids::of(request.headers());
    let mut caller = None;
    let answered = caught(answer(&azure, request, &ids, &mut caller)).await;
    let why = answered.as_ref().err().map_or("", |error| error.code);
    let response = match answered {
        Ok(answer) => answer.respond(&ids),
        Err(error) => error.respond(&ids),
    };
    let caller = one_line(
        caller
            .as_ref()
            .map_or("an unknown caller", |caller| &caller.display_name),
    );
    let status = response.status().as_u16();
    tracing::info!(target: "local_azure::control", "{method} {path} at Microsoft Graph by {caller}: {status} {why}");
    response
}

/// The answer, or an error if the handler panics.
async fn caught(answer: impl Future<Output = Result<Answer, GraphError>>) -> Result<Answer, GraphError> {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(target: "local_azure::control", "A request to Microsoft Graph panicked.");
        let message = "Local Azure failed to handle this request. See the terminal of `local-azure up`.";
        Err(GraphError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            message,
        ))
    })
}

async fn answer(
    azure: &Azure,
    request: Request,
    ids: &Ids,
    known: &mut Option<Principal>,
) -> Result<Answer, GraphError> {
    let (parts, body) = request.into_parts();
    // Read first: many clients read the response only after they have sent the whole request.
    let body = crate::body::read(body, BODY_LIMIT).await;
    let caller = authenticate(azure, &parts.headers)?;
    *known = Some(caller.clone());
    let body = body.map_err(|_| {
        let message = "The request body is too large.";
        GraphError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    })?;
    let call = Call::parse(azure, caller, parts, &body)?;
    // Changes are written to the disk.
    tokio::task::block_in_place(|| routes::answer(call, ids))
}

fn authenticate(azure: &Azure, headers: &HeaderMap) -> Result<Principal, GraphError> {
    let unauthorized = |message: &str| GraphError::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message);
    bearer::principal(azure, headers, &[GRAPH, GRAPH_CLIENT]).map_err(|why| match why {
        Unauthenticated::Missing | Unauthenticated::Scheme => unauthorized("Access token is empty."),
        Unauthenticated::Token(why) => unauthorized(&format!("Access token validation failure: {why}.")),
        Unauthenticated::Principal => {
            unauthorized("Access token validation failure: its principal was deleted or disabled.")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let error = caught(async { panic!("a bug") }).await.err().unwrap();
        assert_eq!((error.status.as_u16(), error.code), (500, "InternalServerError"));
    }
}
