//! Hashing as ad APIs ask for it: SHA-256 of normalised UTF-8 text, in lower-case hex.

use sha2::{Digest, Sha256};

/// The SHA-256 of the text in 64 lower-case hex digits.
pub fn sha256_hex(text: &str) -> String {
    hex(&sha256(text.as_bytes()))
}

/// The SHA-256 of the bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The digest in 64 lower-case hex digits.
pub fn hex(digest: &[u8; 32]) -> String {
    let mut digits = [0_u8; 64];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// Whether a value is a SHA-256 in hex already (64 hex digits of either case). Hashing it again would match nobody.
pub fn is_sha256_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

const fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_published() {
        assert_eq!(
            sha256_hex("mary@example.com"),
            "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
        );
    }

    #[test]
    fn recognises_hashes_of_either_case_and_nothing_else() {
        let hash = sha256_hex("x");
        assert!(is_sha256_hex(&hash));
        assert!(is_sha256_hex(&hash.to_uppercase()));
        assert!(!is_sha256_hex(&hash[1..]));
        assert!(!is_sha256_hex(&format!("{hash}0")));
        assert!(!is_sha256_hex(&format!("g{}", &hash[1..])));
    }
}
