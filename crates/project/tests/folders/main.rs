//! Whole project folders: the example as it stands, and broken in every way.

#[cfg(test)]
mod broken;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod example;
#[cfg(test)]
mod growth;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod support;
