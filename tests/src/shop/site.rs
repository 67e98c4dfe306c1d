//! The shop's pages: files, and what pages are told of the edge.

use std::fs;
use std::path::PathBuf;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::json;

use super::Datastream;
use super::server::{response, text};

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

#[derive(Debug)]
pub(super) struct Site {
    pages: PathBuf,
    web_sdk: PathBuf,
    datastream: Datastream,
}

impl Site {
    pub(super) fn new(pages: PathBuf, web_sdk: PathBuf, datastream: Datastream) -> Self {
        Self { pages, web_sdk, datastream }
    }

    pub(super) fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        match path {
            "/" => self.file("index.html"),
            "/config.js" => response(200, JAVASCRIPT, self.config()),
            "/alloy.min.js" => match fs::read(&self.web_sdk) {
                Ok(content) => response(200, JAVASCRIPT, content),
                Err(error) => text(500, format!("the Web SDK cannot be read: {error}")),
            },
            path => self.file(path.trim_start_matches('/')),
        }
    }

    fn config(&self) -> String {
        let Datastream { organisation, name, edge_domain } = &self.datastream;
        let config = json!({"orgId": organisation, "datastreamId": name, "edgeDomain": edge_domain});
        format!("window.shopConfig = {config};\n")
    }

    /// Files stand side by side: what names a folder is no page.
    fn file(&self, name: &str) -> Response<Full<Bytes>> {
        let kind = match name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => JAVASCRIPT,
            Some("svg") => "image/svg+xml",
            _ => return text(404, "there is no such page"),
        };
        match fs::read(self.pages.join(name)) {
            Ok(content) if !name.contains(['/', '\\']) => response(200, kind, content),
            _ => text(404, "there is no such page"),
        }
    }
}
