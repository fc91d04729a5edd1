//! Where a response redirects to.

use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};

/// The target of a 303 redirect.
pub fn location(response: &Response) -> String {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()[LOCATION].to_str().unwrap().to_owned()
}
