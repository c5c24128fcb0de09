// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import XrayProtos

/// A TLS inbound's certificates by name, ready for use. Thread-safe.
///
/// Certificate files are looked at again, on a thread of their own, when a connection comes and the last look is longer ago
/// than `interval`; that connection still gets what was there before. Files that cannot be used leave the old ones at work.
final class TLSServerPlan: Sendable {
    /// How old what is known of the certificate files may be.
    static let interval = TimeAmount.seconds(5)

    private struct Certificates {
        var byName: [String: NIOSSLContext] = [:]
        var first: NIOSSLContext
        var count: Int
    }

    private struct State {
        var certificates: Certificates
        var versions: FileVersions
        var nextLook: NIODeadline
        var isLooking = false
    }

    private let config: Xray_Transport_Internet_Tls_Config
    private let alpn: [String]
    private let paths: [String]
    private let interval: TimeAmount
    private let state: Mutex<State>
    /// Told of files that were taken into use, or could not be.
    private let report: @Sendable (Result<Void, ControlError>) -> Void

    /// - Parameter alpn: What is agreed on where the settings name no protocols.
    init(
        _ config: Xray_Transport_Internet_Tls_Config, alpn: [String], interval: TimeAmount = TLSServerPlan.interval,
        report: @escaping @Sendable (Result<Void, ControlError>) -> Void
    ) throws(ControlError) {
        guard !config.certificate.contains(where: { $0.usage == .authorityIssue }) else {
            throw TLSSettings.unavailable(
                "a certificate with the usage issue", "issue certificates beforehand, and give them as encipherment")
        }
        self.config = config
        self.alpn = alpn
        self.interval = interval
        self.report = report
        paths = config.certificate.filter { !$0.oneTimeLoading }
            .flatMap { [$0.certificatePath, $0.keyPath] }.filter { !$0.isEmpty }
        let versions = FileVersions(paths)
        let certificates = try Self.load(config, alpn: alpn, reread: false)
        state = Mutex(State(certificates: certificates, versions: versions, nextLook: .now() + interval))
    }

    /// The context for a client that asked for `name` (lower case, may be empty); nil = it is refused.
    func context(for name: String) -> NIOSSLContext? {
        let (context, mustLook) = state.withLock { state -> (NIOSSLContext?, Bool) in
            let certificates = state.certificates
            let mustLook = !paths.isEmpty && !state.isLooking && NIODeadline.now() >= state.nextLook
            if mustLook { state.isLooking = true }
            if certificates.count == 1, !config.rejectUnknownSni { return (certificates.first, mustLook) }
            let found =
                certificates.byName[name]
                ?? PeerNames.wildcard(for: name).flatMap { certificates.byName[$0] }
            return (found ?? (config.rejectUnknownSni ? nil : certificates.first), mustLook)
        }
        if mustLook { NIOThreadPool.singleton.submit { [self] _ in look() } }
        return context
    }

    private func look() {
        let found = FileVersions(paths)
        let isNew = state.withLock { $0.versions != found }
        var loaded: Result<Certificates, ControlError>?
        if isNew { loaded = Result { () throws(ControlError) in try Self.load(config, alpn: alpn, reread: true) } }
        state.withLock { state in
            state.isLooking = false
            state.nextLook = .now() + interval
            state.versions = found
            if case .success(let certificates)? = loaded { state.certificates = certificates }
        }
        if let loaded { report(loaded.map { _ in }) }
    }

    private static func load(
        _ config: Xray_Transport_Internet_Tls_Config, alpn: [String], reread: Bool
    ) throws(ControlError) -> Certificates {
        var certificates: Certificates?
        for certificate in config.certificate where certificate.usage == .encipherment {
            let pair = try KeyPair(certificate, reread: reread && !certificate.oneTimeLoading)
            let context = try context(pair, config, alpn: alpn)
            var all = certificates ?? Certificates(first: context, count: 0)
            all.count += 1
            for name in pair.names where all.byName[name] == nil { all.byName[name] = context }
            certificates = all
        }
        guard let certificates else {
            throw ControlError("transport/internet/tls: no certificate for the inbound: certificates are needed")
        }
        return certificates
    }

    private static func context(
        _ pair: KeyPair, _ config: Xray_Transport_Internet_Tls_Config, alpn: [String]
    ) throws(ControlError) -> NIOSSLContext {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: pair.chain.map { .certificate($0) }, privateKey: .privateKey(pair.key))
        try TLSSettings.apply(config, to: &tls, alpn: alpn)
        do {
            return try NIOSSLContext(configuration: tls)
        } catch {
            throw ControlError(
                "transport/internet/tls: the certificate and the key do not go together > \(TLSSettings.text(of: error))"
            )
        }
    }
}
