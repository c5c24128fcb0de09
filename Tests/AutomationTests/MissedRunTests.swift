// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Automation

struct MissedRunTests {
    private static func lines(_ bench: ScriptBench) -> [String] {
        bench.core.log.filter { $0.hasPrefix("[Info]") && !$0.contains("loaded, ") }
            .map { $0.replacing("[Info] script/chunk: ", with: "") }
    }

    /// Runs a script, then stops the core for `away` seconds, and runs the script again; tells what the second life logs.
    private static func afterDowntime(_ source: String, away: TimeInterval) async throws -> [String] {
        let bench = try ScriptBench()
        let script = try bench.write("chunk", source)
        var automation = try await bench.start(script)
        await bench.pass(.seconds(1), automation)
        await automation.stop()
        bench.clock.setCalendar(by: away)
        let before = Self.lines(bench).count
        automation = try await bench.start(script)
        await bench.pass(.seconds(1), automation)
        await automation.stop()
        return Array(Self.lines(bench).dropFirst(before))
    }

    // The clock begins at 2026-01-01 00:00:00 UTC.

    @Test func timesThatPassWithoutTheCoreAreLeftOut() async throws {
        let lines = try await Self.afterDowntime("cron('0 * * * *', function() log.info('ran') end)", away: 7300)
        #expect(lines == [])
    }

    @Test func oneRunMakesUpForAll() async throws {
        let lines = try await Self.afterDowntime(
            "cron('0 * * * *', function(run) log.info(time.format(run.scheduled, '%T')) end, { missed = 'once' })",
            away: 7300)
        #expect(lines == ["02:00:00"])
    }

    @Test func eachMissedTimeGetsARunInTurn() async throws {
        let source = """
            cron('0 * * * *', function(run)
                log.info(time.format(run.scheduled, '%T'))
                sleep('100ms')
            end, { missed = 'all(3)' })
            """
        let lines = try await Self.afterDowntime(source, away: 5 * 3600)
        #expect(lines == ["03:00:00", "04:00:00", "05:00:00"])
    }

    @Test func theDeadlineLeavesOldTimesOut() async throws {
        let source = """
            cron('0 * * * *', function(run) log.info(time.format(run.scheduled, '%T')) end,
                { missed = 'all', deadline = '90m' })
            """
        let lines = try await Self.afterDowntime(source, away: 4 * 3600 + 60)
        #expect(lines == ["03:00:00", "04:00:00"])
    }

    @Test func aDateThatPassedWithoutTheCoreIsMadeUpForOnce() async throws {
        let source = "at('2026-01-01 01:00', function() log.info('now') end, { missed = 'once' })"
        let bench = try ScriptBench()
        let script = try bench.write("chunk", source)
        for expected in [0, 1, 1] {
            let automation = try await bench.start(script)
            await bench.pass(.seconds(1), automation)
            await automation.stop()
            #expect(Self.lines(bench).count == expected)
            bench.clock.setCalendar(by: 7200)
        }
    }

    @Test func aDateInThePastIsLeftOut() async throws {
        let bench = try ScriptBench()
        let source = "local s = at('2020-01-01', function() log.info('no') end) log.info(s:name())"
        #expect(try await bench.run(source) == ["[Info] script/chunk: at 2020-01-01T00:00:00Z"])
    }

    @Test func aDateComesOnceInItsZone() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(
            bench.write(
                "chunk",
                """
                at("2026-01-01 01:00:05", function() log.info("berlin", time.uptime()) end, { tz = "Europe/Berlin" })
                at(time.now() + 2, function() log.info("seconds", time.uptime()) end)
                """))
        await bench.pass(.seconds(20), automation)
        #expect(Self.lines(bench) == ["seconds 2.0", "berlin 5.0"])
        #expect(await automation.status(of: "chunk")?.schedules.isEmpty == true)
        await automation.stop()
    }

    @Test func jitterIsTheSameForGoodAndDiffersBetweenNames() async throws {
        let shares = (0..<100).map { StableHash.share(of: .seconds(60), for: "script/\($0)") }
        #expect(shares.allSatisfy { $0 >= .zero && $0 < .seconds(60) })
        #expect(Set(shares).count > 90)
        #expect(StableHash.share(of: .seconds(60), for: "quota/pulse") == .milliseconds(4_503))
        #expect(StableHash.share(of: .zero, for: "x") == .zero)
    }

    @Test func jitterPutsEachTimeOff() async throws {
        let bench = try ScriptBench()
        let automation = try await bench.start(
            bench.write(
                "chunk",
                """
                local function tell(run) log.info(run.name, time.uptime()) end
                every("10s", tell, { name = "e", jitter = "10s" })
                cron("*/10 * * * * *", tell, { name = "c", jitter = "10s" })
                """))
        await bench.pass(.seconds(40), automation)
        await automation.stop()
        for name in ["e", "c"] {
            let share = StableHash.share(of: .seconds(10), for: "chunk/\(name)").seconds
            let times = Self.lines(bench).filter { $0.hasPrefix("\(name) ") }.compactMap { Double($0.dropFirst(2)) }
            #expect(times.count >= 3)
            #expect(times.allSatisfy { abs(($0 - share).truncatingRemainder(dividingBy: 10)) < 0.01 }, "\(times)")
        }
    }

    @Test(arguments: [
        ("all(0)", "missed \"all(0)\" is not one of skip, once, all(n)"), ("never", "missed \"never\" is not one of"),
    ])
    func mistakesAreNamed(text: String, message: String) async throws {
        let lines = try await ScriptBench().run(
            "log.info(select(2, pcall(cron, '* * * * *', print, { missed = '\(text)' })))")
        #expect(lines.first?.contains(message) == true)
    }

    @Test func longDowntimesOfDenseExpressionsAreQuick() throws {
        let cron = try Cron("* * * * * *", zone: .gmt)
        let now = Date(timeIntervalSince1970: 1_767_225_600)
        let times = MissedPolicy.all(3).times(
            of: .cron(cron), after: now - 400 * 86_400, until: now, jitter: .zero, deadline: nil)
        #expect(times == [now - 2, now - 1, now])
        let rare = try Cron("0 0 29 2 *", zone: .gmt)
        let leap = MissedPolicy.once.times(
            of: .cron(rare), after: now - 5 * 366 * 86_400, until: now, jitter: .zero, deadline: nil)
        #expect(leap == [Date(timeIntervalSince1970: 1_709_164_800)])
    }
}
