//! Which bucket a host name means: `bucket.localhost:4566`; everything else is path style.

use std::net::SocketAddr;

use s3s::{
    S3Result,
    host::{S3Host, VirtualHost},
};

/// The names under which `bucket.<name>` is a bucket.
pub(super) struct Hosts {
    domains: Vec<String>,
}

impl Hosts {
    pub(super) fn new(domains: &[String], address: SocketAddr) -> Self {
        let mut domains: Vec<String> = domains.iter().map(|domain| domain.to_lowercase()).collect();
        domains.extend(["s3.localhost".to_owned(), "localhost".to_owned(), address.ip().to_string()]);
        // The longest first, so that `s3.localhost` is not the bucket `s3` of `localhost`.
        domains.sort_by_key(|domain| std::cmp::Reverse(domain.len()));
        Self { domains }
    }

    fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let name = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host, |(name, _)| name);
        if self.domains.iter().any(|domain| name.eq_ignore_ascii_case(domain)) {
            return None;
        }
        self.domains.iter().find_map(|domain| {
            let end = name.len().checked_sub(domain.len())?;
            let (bucket, rest) = (name.get(..end)?, name.get(end..)?);
            bucket.strip_suffix('.').filter(|bucket| rest.eq_ignore_ascii_case(domain) && !bucket.is_empty())
        })
    }
}

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let virtual_host = VirtualHost::new(host);
        Ok(match self.bucket(host) {
            Some(bucket) => virtual_host.with_bucket(bucket),
            None => virtual_host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_domains_have_buckets() {
        let hosts = Hosts::new(&["lake.example.com".to_owned()], "127.0.0.1:4566".parse().expect("address"));
        assert_eq!(hosts.bucket("raw.localhost:4566"), Some("raw"));
        assert_eq!(hosts.bucket("my.raw.s3.localhost"), Some("my.raw"));
        assert_eq!(hosts.bucket("s3.localhost:4566"), None);
        assert_eq!(hosts.bucket("localhost"), None);
        assert_eq!(hosts.bucket("127.0.0.1:4566"), None);
        assert_eq!(hosts.bucket("raw.127.0.0.1:4566"), Some("raw"));
        assert_eq!(hosts.bucket("raw.LAKE.example.com"), Some("raw"));
        assert_eq!(hosts.bucket("example.com"), None);
    }
}
