//! Runs the stand-in for Meta's Graph API until it is ended.

use clap::Parser;
use tests::graph_api::{GraphApi, Settings};

/// A strict stand-in for Meta's Graph API on 127.0.0.1; look into it at /_control.
#[derive(Parser)]
struct Arguments {
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The version that paths begin with.
    #[arg(long, default_value_t = Settings::default().version)]
    version: String,
    /// The ad account.
    #[arg(long, default_value_t = Settings::default().account)]
    account: String,
    /// The token that calls carry.
    #[arg(long, default_value_t = Settings::default().token)]
    token: String,
}

fn main() -> std::io::Result<()> {
    let Arguments { port, version, account, token } = Arguments::parse();
    let graph_api = GraphApi::start_on(port, Settings { version, account, token, app_secret: None })?;
    println!("listening on {}", graph_api.base_url());
    graph_api.wait();
    Ok(())
}
