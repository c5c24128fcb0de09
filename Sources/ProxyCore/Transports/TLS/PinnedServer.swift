// SPDX-License-Identifier: Apache-2.0
internal import CCryptoBoringSSL
import Crypto
import Foundation
import NIOSSL

/// A server that is known by hashes of certificates: by that of its own, whoever signed it and whatever name is in it, or by that
/// of an authority in the chain that it shows, which then has to have signed it, for one of the names.
struct PinnedServer: Sendable {
    /// SHA-256 of whole certificates.
    let pins: Set<Data>
    let names: [String]

    func isProven(by chain: [NIOSSLCertificate]) -> Bool {
        let encoded = chain.compactMap { try? $0.toDERBytes() }
        guard let leaf = encoded.first, encoded.count == chain.count else { return false }
        if isPinned(leaf) { return true }
        guard names.contains(where: { PeerNames.matches(chain[0], $0) }) else { return false }
        return encoded.dropFirst().contains { authority in
            isPinned(authority) && CertificateChain(encoded)?.leads(to: authority) == true
        }
    }

    private func isPinned(_ certificate: [UInt8]) -> Bool {
        pins.contains(Data(SHA256.hash(data: certificate)))
    }
}

/// Certificates as a server shows them, its own first. Built on the BoringSSL in swift-crypto, as the TLS library's has no way in.
private struct CertificateChain: ~Copyable {
    private let leaf: OpaquePointer
    /// Owns its certificates, of which the first is the leaf.
    private let all: OpaquePointer

    /// Nil for what is no certificate.
    init?(_ encoded: [[UInt8]]) {
        guard let all = CCryptoBoringSSL_OPENSSL_sk_new_null() else { return nil }
        var leaf: OpaquePointer?
        var isWhole = true
        for bytes in encoded {
            guard let certificate = Self.decode(bytes) else {
                isWhole = false
                break
            }
            if leaf == nil { leaf = certificate }
            guard CCryptoBoringSSL_OPENSSL_sk_push(all, UnsafeMutableRawPointer(certificate)) > 0 else {
                CCryptoBoringSSL_X509_free(certificate)
                isWhole = false
                break
            }
        }
        guard isWhole, let leaf else {
            Self.free(all)
            return nil
        }
        self.leaf = leaf
        self.all = all
    }

    deinit { Self.free(all) }

    /// Whether the leaf is valid now, for a TLS server, by the signatures from this authority on.
    func leads(to authority: [UInt8]) -> Bool {
        guard let root = Self.decode(authority) else { return false }
        defer { CCryptoBoringSSL_X509_free(root) }
        guard CCryptoBoringSSL_X509_check_ca(root) == 1, let store = CCryptoBoringSSL_X509_STORE_new() else {
            return false
        }
        defer { CCryptoBoringSSL_X509_STORE_free(store) }
        guard let context = CCryptoBoringSSL_X509_STORE_CTX_new() else { return false }
        defer { CCryptoBoringSSL_X509_STORE_CTX_free(context) }
        guard CCryptoBoringSSL_X509_STORE_add_cert(store, root) == 1,
            CCryptoBoringSSL_X509_STORE_CTX_init(context, store, leaf, all) == 1,
            CCryptoBoringSSL_X509_STORE_CTX_set_default(context, "ssl_server") == 1,
            let parameters = CCryptoBoringSSL_X509_STORE_CTX_get0_param(context)
        else { return false }
        // The authority need not have signed itself: it is the one that is trusted.
        _ = CCryptoBoringSSL_X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        return CCryptoBoringSSL_X509_verify_cert(context) == 1
    }

    private static func decode(_ bytes: [UInt8]) -> OpaquePointer? {
        bytes.withUnsafeBufferPointer { buffer in
            var cursor = buffer.baseAddress
            return CCryptoBoringSSL_d2i_X509(nil, &cursor, buffer.count)
        }
    }

    private static func free(_ stack: OpaquePointer) {
        while let certificate = CCryptoBoringSSL_OPENSSL_sk_pop(stack) {
            CCryptoBoringSSL_X509_free(OpaquePointer(certificate))
        }
        CCryptoBoringSSL_OPENSSL_sk_free(stack)
    }
}
