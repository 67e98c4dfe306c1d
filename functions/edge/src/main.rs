//! The edge function: wiring only.

use aws::Store;
use edge::handler::Edge;
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::logging();
    let variable = |name| std::env::var(name).unwrap_or_default();
    let mut edge = Edge::new(Store::connect().await?, variable("AWS_REGION"));
    let proxy = variable("TRIBUTARY_EDGE_ORIGIN_SECRET");
    if !proxy.is_empty() {
        edge = edge.behind(&proxy);
    }
    edge.warm().await;
    let edge = &edge;
    run(service_fn(move |request: Request| async move { Ok::<_, Error>(edge.handle(&request).await) })).await
}
