// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import GRPCWire
import SwiftProtobuf
import Synchronization
import Testing
import XrayProtos

@testable import Commands

struct APIInvocationTests {
    private func run(
        _ line: [String], answers: [String: any Message] = [:], failures: [String: GRPCStatus] = [:], input: String = ""
    ) async throws -> CannedServer.Outcome {
        try #require(
            try await CannedServer.run([line], answers: answers, failures: failures, input: input).first)
    }

    @Test func answersArePrintedInXraysJSON() async throws {
        let stat = Xray_App_Stats_Command_Stat.with {
            $0.name = "user>>>dave>>>traffic>>>downlink"
            $0.value = 3000
        }
        let outcome = try await run(
            ["stats", "-name", stat.name, "-reset"],
            answers: ["GetStats": Xray_App_Stats_Command_GetStatsResponse.with { $0.stat = stat }])
        #expect(
            outcome.output == """
                {
                    "stat": {
                        "name": "user>>>dave>>>traffic>>>downlink",
                        "value": 3000
                    }
                }


                """)
        #expect(outcome.status == 0)
        let request = try #require(outcome.calls.first).request(as: Xray_App_Stats_Command_GetStatsRequest.self)
        #expect(request.name == stat.name && request.reset)
    }

    @Test func anEmptyAnswerIsAnEmptyObject() async throws {
        #expect(try await run(["statsquery", "-pattern", "x"]).output == "{}\n\n")
        #expect(try await run(["restartlogger"]).output == "{}\n\n")
    }

    @Test func aRefusedCallIsStatusOneWithItsTextOnStandardError() async throws {
        let outcome = try await run(
            ["stats", "-name", "nothing"], failures: ["GetStats": GRPCStatus(.notFound, "nothing not found.")])
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors == "failed to get stats: nothing not found.\n")
    }

    @Test(arguments: [
        ["nonsense"], ["lsi", "-nonsense"], [], ["bo", "-b", "bal"], ["stats", "-h"], ["lsi", "-t", "x"],
    ])
    func aWrongCommandLineIsStatusTwo(line: [String]) async {
        let silent = APIConsole(output: { _ in }, error: { _ in }, input: { Data() })
        #expect(await APIInvocation(console: silent).run(line) == 2)
    }

    @Test func aServerThatIsNotThereIsStatusOne() async {
        let silent = APIConsole(output: { _ in }, error: { _ in }, input: { Data() })
        #expect(await APIInvocation(console: silent).run(["lso", "-s", "unix:///nonexistent", "-t", "1"]) == 1)
    }

    @Test func balancersAreShownAsTables() async throws {
        let response = Xray_App_Router_Command_GetBalancerInfoResponse.with {
            $0.balancer.override.target = ""
            $0.balancer.principleTarget.tag = ["pool-alice", "pool-bob"]
        }
        let outcome = try await run(["bi", "bal"], answers: ["GetBalancerInfo": response])
        let lines = [
            "  - Selecting Override:", "    1                 ", "  - Selects:", "    1   pool-alice    ",
            "    2   pool-bob      ", "",
        ]
        #expect(outcome.output == lines.joined(separator: "\n"))
    }

    @Test func severalBalancersAreShownUnderTheirTags() async throws {
        let response = Xray_App_Router_Command_GetBalancerInfoResponse.with { $0.balancer = .init() }
        let outcome = try await run(["bi", "one", "two"], answers: ["GetBalancerInfo": response])
        #expect(outcome.output == "one\n  - Selects:\ntwo\n  - Selects:\n" && outcome.calls.count == 2)
        let none = try await run(["bi"])
        #expect(none.status == 1 && none.calls.isEmpty && none.output == "set balancer tag\n")
    }

    @Test func optionsMayFollowArguments() async throws {
        let outcome = try await run(["bo", "pool-bob", "-b", "bal"])
        let request = try #require(outcome.calls.first)
            .request(as: Xray_App_Router_Command_OverrideBalancerTargetRequest.self)
        #expect(request.balancerTag == "bal" && request.target == "pool-bob")
        #expect(outcome.output.isEmpty)
    }

    @Test func inboundsOfStandardInputAreAddedOneByOne() async throws {
        let text = """
            {"inbounds": [{"tag": "a", "listen": "127.0.0.1", "port": 1080, "protocol": "socks", "settings": {}},
             {"tag": "b", "listen": "127.0.0.1", "port": 1081, "protocol": "socks", "settings": {}}]}
            """
        let added = try await run(["adi"], input: text)
        #expect(added.output == "reading from stdin:\nadding: a\n{}\n\nadding: b\n{}\n\n")
        #expect(added.calls.map(\.method) == ["AddInbound", "AddInbound"])
        let refused = try await run(
            ["adi", "stdin:"], failures: ["AddInbound": GRPCStatus(.unknown, "existing tag found: a")], input: text)
        #expect(refused.output == "adding: a\n")
        #expect(refused.status == 1)
        #expect(refused.errors == "failed to add inbound: existing tag found: a\n")
    }

    private static let users = """
        {"inbounds": [{"tag": "vl", "listen": "127.0.0.1", "port": 1082, "protocol": "vless", "settings":
          {"decryption": "none", "clients": [{"id": "fc1c886a-810c-4fb5-98b2-e61e70b2266a", "email": "erin"},
           {"id": "abaa8e91-927a-4e16-9c77-30fff6947554", "email": "frank"}]}}]}
        """

    @Test func usersOfAConfigurationAreAdded() async throws {
        let outcome = try await run(["adu", "stdin:"], input: Self.users)
        #expect(
            outcome.output == """
                processing inbound: vl
                add user: erin
                result: ok
                add user: frank
                result: ok
                Added 2 user(s) in total.

                """)
        let request = try #require(outcome.calls.first)
            .request(as: Xray_App_Proxyman_Command_AlterInboundRequest.self)
        let operation = try request.operation.typed(as: Xray_App_Proxyman_Command_AddUserOperation.self)
        #expect(request.tag == "vl" && operation?.user.email == "erin")
    }

    @Test func usersThatAreRefusedAreToldAndTheRestGoesOn() async throws {
        let failures = ["AlterInbound": GRPCStatus(.unknown, "proxy/vless: User x not found.")]
        let outcome = try await run(["rmu", "-tag", "vl", "x"], failures: failures)
        #expect(outcome.status == 0)
        #expect(
            outcome.output == """
                remove user: x
                rpc error: code = Unknown desc = proxy/vless: User x not found.
                Removed 0 user(s) in total.

                """)
        let mixed = try await run(["rmu", "-tag", "vl", "x", "y"], failures: failures)
        #expect(mixed.status == 1 && mixed.calls.count == 2)
        #expect(mixed.errors == "1 of 2 changes failed\n")
        let added = try await run(["adu", "stdin:"], failures: failures, input: Self.users)
        #expect(added.status == 1 && added.calls.count == 2)
        #expect(added.output.hasSuffix("Added 0 user(s) in total.\n"))
    }

    @Test func inboundsWithoutUsersArePassedOver() async throws {
        let text = #"{"inbounds": [{"tag": "a", "listen": "127.0.0.1", "port": 1, "protocol": "socks"}]}"#
        let outcome = try await run(["adu", "stdin:"], input: text)
        #expect(outcome.status == 0)
        #expect(outcome.output == "processing inbound: a\nunsupported inbound type\nAdded 0 user(s) in total.\n")
    }

    @Test func tagsAreRemovedInOrder() async throws {
        let inbounds = try await run(["rmi", "a", "b"])
        #expect(inbounds.output == "removing inbounds: [a b]\nremoving: a\n{}\n\nremoving: b\n{}\n\n")
        #expect(try await run(["rmo", "a"]).output == "removing: a\n{}\n\n")
    }

    @Test func aSourceBlockIsOneRuleBehindTheOthers() async throws {
        let outcome = try await run(["sib", "-outbound=blocked", "-inbound=s5", "10.1.2.3", "-reset"])
        #expect(outcome.output == "{}\n\n{}\n\n")
        #expect(outcome.calls.map(\.method) == ["RemoveRule", "AddRule"])
        let request = try #require(outcome.calls.last).request(as: Xray_App_Router_Command_AddRuleRequest.self)
        #expect(request.shouldAppend)
        let config = try #require(try request.config.typed(as: Xray_App_Router_Config.self))
        let rule = try #require(config.rule.first)
        #expect(rule.ruleTag == "sourceIpBlock" && rule.tag == "blocked" && rule.inboundTag == ["s5"])
        #expect(try await run(["sib", "1.2.3.4"]).status == 1)
    }

    @Test func rulesReplaceUnlessAppended() async throws {
        let text = #"{"routing": {"rules": [{"network": "udp", "outboundTag": "blocked", "ruleTag": "three"}]}}"#
        for (line, append) in [(["adrules", "stdin:"], false), (["adrules", "-append", "stdin:"], true)] {
            let outcome = try await run(line, input: text)
            let request = try #require(outcome.calls.first).request(as: Xray_App_Router_Command_AddRuleRequest.self)
            #expect(request.shouldAppend == append)
        }
    }

    /// No operation on outbounds exists: `call` is enough.
    private static let withoutCommand: Set = ["AlterOutbound"]

    @Test func everyCallHasACommandOfItsOwn() async throws {
        let socks = #"{"inbounds": [{"tag": "a", "listen": "127.0.0.1", "port": 1, "protocol": "socks"}], "#
        let lines = [
            ["restartlogger"], ["stats", "-name", "x"], ["statsquery"], ["statssys"], ["statsonline", "-email", "x"],
            ["statsonlineiplist", "-email", "x"], ["statsonlineiplist", "-all"], ["statsgetallonlineusers"],
            ["bi", "x"], ["bo", "-b", "x", "-r"], ["adi"], ["ado"], ["rmi", "x"], ["rmo", "x"], ["lsi"], ["lso"],
            ["rmu", "-tag", "x", "y"], ["inbounduser", "-tag", "x"], ["inboundusercount", "-tag", "x"], ["adrules"],
            ["rmrules", "x"], ["lsrules"], ["testroute", "tcp:a.test:80"], ["observe"],
            ["routestats"], ["lsflows"], ["rmflows", "-all"], ["reload", "-dry-run"],
        ]
        let outcomes = try await CannedServer.run(
            lines, input: socks + #""outbounds": [{"tag": "b", "protocol": "freedom"}], "routing": {}}"#)
        for (line, outcome) in zip(lines, outcomes) { #expect(outcome.status == 0, "\(line): \(outcome.errors)") }
        let called = Set(outcomes.flatMap { $0.calls.map(\.method) })
        #expect(called.union(Self.withoutCommand) == Set(ControlOperations.all.map(\.method)))
    }

    @Test func everyDescribedMethodCanBeCalled() async throws {
        let methods = DescriptorPool.shared.controlServices.flatMap(\.methods)
        let outcomes = try await CannedServer.run(methods.map { ["call", String($0.path.dropFirst()), "{}"] })
        for (method, outcome) in zip(methods, outcomes) {
            #expect(outcome.status == 0, "\(method.path): \(outcome.errors)")
            #expect(outcome.calls.map(\.method) == [method.name])
        }
    }

    @Test func aCallTakesAndGivesProtobufsJSON() async throws {
        let stat = Xray_App_Stats_Command_Stat.with { $0.value = 5 }
        let outcome = try await run(
            ["call", "StatsService/QueryStats", #"{"pattern": "a", "reset": true}"#, "--json"],
            answers: ["QueryStats": Xray_App_Stats_Command_QueryStatsResponse.with { $0.stat = [stat] }])
        #expect(outcome.output == "{\n  \"stat\": [\n    {\n      \"value\": \"5\"\n    }\n  ]\n}\n")
        let request = try #require(outcome.calls.first).request(as: Xray_App_Stats_Command_QueryStatsRequest.self)
        #expect(request.pattern == "a" && request.reset)
        let text =
            #"{"tag": "in", "operation": {"_TypedMessage_": "xray.app.proxyman.command.RemoveUserOperation", "email": "x"}}"#
        let typed = try #require(try await run(["call", "AlterInbound", "stdin:"], input: text).calls.first)
            .request(as: Xray_App_Proxyman_Command_AlterInboundRequest.self)
        #expect(try typed.operation.typed(as: Xray_App_Proxyman_Command_RemoveUserOperation.self)?.email == "x")
    }

    @Test(arguments: [
        ["call", "NoSuchMethod"], ["call", "StatsService/QueryStats", "{"], ["call", "QueryStats", #"{"patern": ""}"#],
        ["call", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"], ["rmflows"], ["routestats", "-count=-1"],
    ])
    func aWrongCallIsStatusTwoAndCallsNothing(line: [String]) async throws {
        let outcome = try await run(line)
        #expect(outcome.status == 2 && outcome.calls.isEmpty && !outcome.errors.isEmpty)
    }

    @Test func everyCommandExplainsItselfWithAnExample() async {
        for name in APICommandTree.names {
            let output = Mutex("")
            let console = APIConsole(
                output: { text in output.withLock { $0 += text } }, error: { _ in }, input: { Data() })
            #expect(await APIInvocation(console: console).run([name, "--help"]) == 2)
            #expect(
                output.withLock { $0.contains("Example: tidegate api \(name)") || name == "restartlogger" }, "\(name)")
            #expect(output.withLock { $0.contains("Example:") }, "\(name)")
        }
    }

    @Test func withProtobufsJSONNothingElseIsOnStandardOutput() async throws {
        let outcome = try await run(["rmi", "a", "--json"])
        #expect(outcome.output == "{}\n")
        #expect(outcome.errors == "removing inbounds: [a]\nremoving: a\n")
        // With one dash it is what Xray has: answers as always.
        #expect(try await run(["rmi", "a", "-json"]).output == "removing inbounds: [a]\nremoving: a\n{}\n\n")
        let balancer = [
            "GetBalancerInfo": Xray_App_Router_Command_GetBalancerInfoResponse.with { $0.balancer = .init() }
        ]
        #expect(try await run(["bi", "x", "-json"], answers: balancer).output == "{\n    \"balancer\": {}\n}\n\n")
        #expect(try await run(["bi", "x", "--json"], answers: balancer).output == "{\n  \"balancer\": {}\n}\n")
    }

    @Test func sibCutsTheLiveConnectionsOfItsSources() async throws {
        let line = ["sib", "-outbound=blocked", "-inbound=s5", "10.1.0.0/16", "-close"]
        let closed = Tidegate_Core_V1_CloseFlowsResponse.with { $0.closed = 3 }
        let outcome = try await run(line, answers: ["CloseFlows": closed])
        #expect(outcome.calls.map(\.method) == ["AddRule", "CloseFlows"] && outcome.status == 0)
        #expect(outcome.output == "{}\n\n{\n    \"closed\": 3\n}\n\n")
        let request = try #require(outcome.calls.last).request(as: Tidegate_Core_V1_CloseFlowsRequest.self)
        #expect(request.selector.inboundTag == "s5" && request.selector.sourceIp.count == 1 && !request.all)
        let refused = try await run(line, failures: ["CloseFlows": GRPCStatus(.unimplemented, "unknown service x")])
        #expect(refused.status == 1 && refused.output == "{}\n\n")
        #expect(refused.errors.hasPrefix("the rule was added, but the live connections were not cut: "))
    }

    @Test func flowsAreShownAsATable() async throws {
        let flow = Tidegate_Core_V1_Flow.with {
            $0.id = 7
            $0.inboundTag = "in"
            $0.outboundTag = "direct"
            $0.network = .tcp
            $0.sourceIp = Data([127, 0, 0, 1])
            $0.sourcePort = 5000
            $0.targetHost = "2001:db8::1"
            $0.targetPort = 443
            $0.uplink = 12
        }
        let answer = Tidegate_Core_V1_ListFlowsResponse.with {
            $0.flows = [flow]
            $0.total = 1
        }
        let outcome = try await run(
            ["lsflows", "-source", "10.0.0.0/8,::1", "-limit=5"], answers: ["ListFlows": answer])
        #expect(
            outcome.output == """
                ID  INBOUND  OUTBOUND  USER  SOURCE          TARGET                 UP  DOWN  AGE
                7   in       direct    -     127.0.0.1:5000  tcp:[2001:db8::1]:443  12  0     0s
                1 flow

                """)
        let request = try #require(outcome.calls.first).request(as: Tidegate_Core_V1_ListFlowsRequest.self)
        #expect(request.selector.sourceIp.count == 2 && request.limit == 5)
    }
}
