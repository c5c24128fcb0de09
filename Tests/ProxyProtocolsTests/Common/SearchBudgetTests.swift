// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Synchronization
import Testing

@testable import ProxyProtocols

struct SearchBudgetTests {
    /// A clock that stands still until it is moved.
    private final class Clock: Sendable {
        private let milliseconds = Mutex<Int64>(1_000)
        var now: NIODeadline { .uptimeNanoseconds(0) + .milliseconds(milliseconds.withLock { $0 }) }
        func pass(_ time: Int64) { milliseconds.withLock { $0 += time } }
    }

    private let clock = Clock()
    private let budget: SearchBudget
    private let limits = SearchBudget.Limits(
        perSecond: 1_000, atOnce: 2_000, perSecondOfSource: 100, atOnceOfSource: 500)

    init() {
        budget = SearchBudget(limits) { [clock] in clock.now }
    }

    private func ip(_ host: UInt32) -> IPAddress { .v4(0xc000_0200 + host) }

    @Test func oneSourceHasLessThanAll() {
        for _ in 0..<5 {
            #expect(budget.admits(ip(1)))
            budget.spend(100, by: ip(1))
        }
        #expect(!budget.admits(ip(1)))
        #expect(budget.admits(ip(2)))
        clock.pass(1_000)
        #expect(budget.admits(ip(1)), "a hundred are made good")
    }

    @Test func manySourcesUseUpTheInbounds() {
        for host in 0..<20 as Range<UInt32> {
            #expect(budget.admits(ip(host)))
            budget.spend(100, by: ip(host))
        }
        #expect(!budget.admits(ip(100)))
        #expect(!budget.admits(nil))
        clock.pass(100)
        #expect(budget.admits(ip(100)))
    }

    @Test func halfIsForThoseWhoHaveNotFailedLately() {
        for host in 0..<10 as Range<UInt32> { budget.spend(100, by: ip(host)) }
        #expect(!budget.admits(ip(1)))
        #expect(budget.admits(ip(100)))
        clock.pass(1_000)
        #expect(budget.admits(ip(1)))
    }

    @Test func aSearchLongerThanTheBudgetIsPaidForLater() {
        #expect(budget.admits(ip(1)))
        budget.spend(10_000, by: ip(1))
        clock.pass(7_000)
        #expect(!budget.admits(ip(2)))
        clock.pass(1_500)
        #expect(budget.admits(ip(2)))
    }

    @Test func addressesOfOneNetworkAreOneSource() {
        budget.spend(500, by: .v6(high: 1, low: 1))
        #expect(!budget.admits(.v6(high: 1, low: 2)))
        #expect(budget.admits(.v6(high: 2, low: 2)))
    }

    @Test func aFloodNeitherServesGarbageNorHoldsUpWhoIsKnown() throws {
        let users = ShadowsocksUsers(datagrams: budget)
        for number in 0..<200 { try users.add(user("user\(number)", shadowsocksAccount("pw\(number)"))) }
        let datagrams = ShadowsocksDatagrams(users: users)
        let sender = ShadowsocksDatagramCodec(user: try #require(users.snapshot.last))
        let packet = Packet(
            payload: ByteBuffer(string: "hello"), peer: Destination(network: .udp, address: .ip(.loopbackV4), port: 53))
        func genuine() throws -> ByteBuffer { try #require(sender.encode(packet, allocator: .init())) }
        let known = Endpoint(ip: ip(7), port: 7)
        #expect(datagrams.open(try genuine(), from: known).opened?.user?.email == "user199")

        var reasons: [String: Int] = [:]
        for number in 0..<100 as Range<UInt32> {
            let garbage = ByteBuffer(bytes: (0..<80).map { _ in UInt8.random(in: 0...255) })
            guard case .refused(let why) = datagrams.open(garbage, from: Endpoint(ip: ip(100 + number), port: 9)) else {
                Issue.record("garbage was served")
                return
            }
            reasons[why, default: 0] += 1
        }
        #expect(reasons == ["unknown user": 10, "too many requests of unknown users": 90])
        // The same address, and another port of it.
        #expect(datagrams.open(try genuine(), from: known).opened?.user?.email == "user199")
        #expect(datagrams.open(try genuine(), from: Endpoint(ip: ip(7), port: 8)).opened?.user?.email == "user199")
        let stranger = Endpoint(ip: ip(8), port: 8)
        #expect(datagrams.open(try genuine(), from: stranger).opened == nil)
        clock.pass(1_000)
        #expect(datagrams.open(try genuine(), from: stranger).opened?.user?.email == "user199")
    }

    @Test func datagramsOfAnybodyDoNotKeepNewClientsFromConnecting() throws {
        let users = ShadowsocksUsers(connections: budget, datagrams: SearchBudget(limits) { [clock] in clock.now })
        for number in 0..<200 { try users.add(user("user\(number)", shadowsocksAccount("pw\(number)"))) }
        let datagrams = ShadowsocksDatagrams(users: users)
        for host in 0..<100 as Range<UInt32> {
            _ = datagrams.open(ByteBuffer(repeating: 1, count: 80), from: Endpoint(ip: ip(host), port: 9))
        }
        func refusal(_ source: IPAddress, of byte: UInt8) -> String? {
            var handshake = ShadowsocksHandshake(users: users, drain: DrainLength(), source: source)
            var bytes = ByteBuffer(repeating: byte, count: 50)
            guard case .reject(let rejection) = handshake.receive(&bytes), rejection.drain > 0 else { return nil }
            return rejection.reason
        }
        #expect(refusal(ip(200), of: 1) == "unknown user", "it was looked for")
        for host in 0..<20 as Range<UInt32> { _ = refusal(ip(host), of: 2) }
        #expect(refusal(ip(201), of: 3) == "too many requests of unknown users")
    }

    @Test func whoeverIsFoundCostsNothing() throws {
        let users = ShadowsocksUsers(datagrams: budget)
        for number in 0..<1_000 { try users.add(user("user\(number)", shadowsocksAccount("pw\(number)"))) }
        let datagrams = ShadowsocksDatagrams(users: users)
        let sender = ShadowsocksDatagramCodec(user: try #require(users.snapshot.last))
        let packet = Packet(
            payload: ByteBuffer(), peer: Destination(network: .udp, address: .ip(.loopbackV4), port: 53))
        for host in 0..<20 as Range<UInt32> {
            let sealed = try #require(sender.encode(packet, allocator: .init()))
            #expect(datagrams.open(sealed, from: Endpoint(ip: ip(host), port: 1)).opened != nil)
        }
    }
}
