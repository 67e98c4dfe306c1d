//! Runs the stand-in for Adobe Target until it is ended.

use clap::Parser;
use tests::target_api::{Settings, TargetApi};

/// A strict stand-in for Adobe Target on 127.0.0.1; look into it at /_control.
#[derive(Parser)]
struct Arguments {
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The client code.
    #[arg(long, default_value_t = Settings::default().client_code)]
    client_code: String,
    /// The token that the profile API demands.
    #[arg(long)]
    token: Option<String>,
}

fn main() -> std::io::Result<()> {
    let Arguments { port, client_code, token } = Arguments::parse();
    let target_api = TargetApi::start_on(port, Settings { client_code, token, ..Settings::default() })?;
    println!("listening on {}", target_api.base_url());
    target_api.wait();
    Ok(())
}
