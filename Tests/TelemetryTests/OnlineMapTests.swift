// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Telemetry
import Testing

struct OnlineMapTests {
    private let map = StatsRegistry().onlineMap("user>>>a>>>online")
    private let home = IPAddress.v4(0x0a00_0001)

    @Test func anAddressIsGoneWithItsLastLink() {
        #expect(map.add(home, now: 10))
        #expect(!map.add(home, now: 20))
        #expect(map.count == 1)
        #expect(map.entries == [OnlineEntry(ip: home, lastSeen: 20)])
        #expect(!map.remove(home))
        #expect(map.remove(home))
        #expect(map.count == 0)
        #expect(!map.remove(home))
    }

    @Test(arguments: ["127.0.0.1", "::1"]) func loopbackIsNeverRecorded(text: String) throws {
        let ip = try #require(IPAddress(text))
        #expect(!map.add(ip, now: 1))
        #expect(map.count == 0)
        #expect(!map.remove(ip))
    }

    @Test func otherLoopbackAddressesAreRecorded() throws {
        #expect(map.add(try #require(IPAddress("127.0.0.2")), now: 1))
    }
}
