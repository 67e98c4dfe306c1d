//! Runs the example's shop until it is ended.

use std::path::PathBuf;

use clap::Parser;
use tests::shop::{Datastream, Function, Settings, Shop};
use url::Url;

/// The example's shop, its sign-in and a front of its edge, over TLS on 127.0.0.1.
#[derive(Parser)]
struct Arguments {
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The folder of the shop's pages.
    #[arg(long)]
    pages: PathBuf,
    /// Adobe's Web SDK (`alloy.min.js`).
    #[arg(long)]
    web_sdk: PathBuf,
    /// Where the edge function is reached.
    #[arg(long)]
    function: Url,
    /// The host that the function is asked for, if not that of its address.
    #[arg(long)]
    function_host: Option<String>,
    /// The secret header that calls of the function carry, as `name: value`.
    #[arg(long, value_parser = header)]
    origin_header: Option<(String, String)>,
    /// The key by which the shop proves who has signed in.
    #[arg(long)]
    sign_in_key: String,
    /// The name under which pages reach the edge.
    #[arg(long, default_value_t = Datastream::default().edge_domain)]
    edge_domain: String,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected `name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let function = Function {
        address: arguments.function,
        host: arguments.function_host,
        origin_header: arguments.origin_header,
    };
    let shop = Shop::start(
        arguments.port,
        Settings {
            pages: arguments.pages,
            web_sdk: arguments.web_sdk,
            datastream: Datastream { edge_domain: arguments.edge_domain, ..Datastream::default() },
            function,
            sign_in_key: arguments.sign_in_key,
        },
    )?;
    println!("listening on 127.0.0.1:{}", shop.port());
    shop.wait();
    Ok(())
}
