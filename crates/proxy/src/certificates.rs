//! A certificate authority for one run, and the certificates that it signs.
//!
//! Clients are told to trust it, so it is made to be worth little: its key is dropped as soon as
//! the certificates are signed, it can vouch for nothing but the hosts of this run, and it expires.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::HostName;

/// What the authority is called.
const AUTHORITY_NAME: &str = "Steadfast proxy, throw-away authority of one run";
/// How far clocks may be behind ours.
const CLOCK_SLACK: Duration = Duration::from_hours(24);
/// How long the certificates hold. Some clients refuse any that hold longer than 398 days.
const LIFETIME: Duration = Duration::from_hours(365 * 24);

/// The certificates cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A certificate was not made or not signed.
    #[error("cannot sign a certificate")]
    Sign(#[source] rcgen::Error),
    /// TLS does not work with what was made.
    #[error("TLS does not take a certificate")]
    Tls(#[source] rustls::Error),
}

impl From<rcgen::Error> for CertificateError {
    fn from(error: rcgen::Error) -> Self {
        Self::Sign(error)
    }
}

/// The certificate of the authority, and what TLS needs to pose as each host.
pub(crate) struct Certificates {
    authority_pem: String,
    by_host: BTreeMap<HostName, Arc<ServerConfig>>,
}

impl Certificates {
    /// Makes an authority and a certificate for every host.
    pub(crate) fn make(
        hosts: &BTreeSet<HostName>,
        now: SystemTime,
    ) -> Result<Self, CertificateError> {
        let authority =
            CertifiedIssuer::self_signed(authority_params(hosts, now), KeyPair::generate()?)?;
        let by_host = hosts.iter().map(|host| {
            let key = KeyPair::generate()?;
            let certificate = host_params(host, now)?.signed_by(&key, &authority)?;
            let private = PrivateKeyDer::try_from(key.serialize_der());
            let private = private.map_err(|reason| tls(rustls::Error::General(reason.into())))?;
            let config = server_config(host, certificate.der().clone(), private).map_err(tls)?;
            Ok((host.clone(), Arc::new(config)))
        });
        let by_host = by_host.collect::<Result<_, CertificateError>>()?;
        Ok(Self { authority_pem: authority.pem(), by_host })
    }

    /// The certificate of the authority, for clients to trust.
    pub(crate) fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// The host that a client means, and how to pose as it; none if it is not one of ours.
    pub(crate) fn find(&self, name: &str) -> Option<(&HostName, &Arc<ServerConfig>)> {
        self.by_host.iter().find(|(host, _)| host.is(name))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("hosts", &self.by_host.keys()).finish_non_exhaustive()
    }
}

fn tls(error: rustls::Error) -> CertificateError {
    CertificateError::Tls(error)
}

fn authority_params(hosts: &BTreeSet<HostName>, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, AUTHORITY_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: hosts
            .iter()
            .map(|host| GeneralSubtree::DnsName(host.as_str().to_owned()))
            .collect(),
        excluded_subtrees: Vec::new(),
    });
    with_lifetime(params, now)
}

fn host_params(host: &HostName, now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new([host.as_str().to_owned()])?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, host.as_str());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Strict clients look for the name of the key that signed.
    params.use_authority_key_identifier_extension = true;
    Ok(with_lifetime(params, now))
}

fn with_lifetime(mut params: CertificateParams, now: SystemTime) -> CertificateParams {
    params.not_before = now.checked_sub(CLOCK_SLACK).unwrap_or(now).into();
    params.not_after = now.checked_add(LIFETIME).unwrap_or(now).into();
    params
}

fn server_config(
    host: &HostName,
    certificate: rustls::pki_types::CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = ring::default_provider();
    let key = Arc::new(CertifiedKey::from_der(vec![certificate], key, &provider)?);
    let only = OnlyFor { host: host.clone(), key };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(only));
    // Inside is HTTP/1.1; a client that could also speak HTTP/2 must not try.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Has a certificate for one host, and none for a client that asked for another one meanwhile.
#[derive(Debug)]
struct OnlyFor {
    host: HostName,
    key: Arc<CertifiedKey>,
}

impl ResolvesServerCert for OnlyFor {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_host = hello.server_name().is_none_or(|name| self.host.is(name));
        is_host.then(|| Arc::clone(&self.key))
    }
}
