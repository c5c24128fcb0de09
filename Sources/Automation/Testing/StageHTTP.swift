// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Synchronization

/// Answers the requests of a test's scripts with what the test has prepared, and notes them.
final class StageHTTP: ScriptHTTPClient {
    /// What is answered to requests whose address fits.
    struct Answer: Sendable {
        var url: Glob
        var response: ScriptHTTPResponse
        /// Instead of a response: why there is none.
        var failure: String?
        /// How often; nil for always.
        var times: Int?
    }

    private struct State {
        var answers: [Answer] = []
        var requests: [ScriptHTTPRequest] = []
    }

    private struct NoAnswer: Error, CustomStringConvertible {
        var description: String
    }

    private let state = Mutex(State())

    var requests: [ScriptHTTPRequest] { state.withLock { $0.requests } }

    /// Answers are used in the order in which they were prepared.
    func prepare(_ answer: Answer) { state.withLock { $0.answers.append(answer) } }

    func send(_ request: ScriptHTTPRequest) async throws -> ScriptHTTPResponse {
        let answer = state.withLock { state -> Answer? in
            state.requests.append(request)
            guard let index = state.answers.firstIndex(where: { $0.url.matches(request.url) }) else { return nil }
            let answer = state.answers[index]
            if let times = answer.times {
                state.answers[index].times = times - 1
                if times <= 1 { state.answers.remove(at: index) }
            }
            return answer
        }
        guard let answer else { throw NoAnswer(description: "the test has prepared no answer for \(request.url)") }
        if let failure = answer.failure { throw NoAnswer(description: failure) }
        return answer.response
    }

    func shutdown() async {}
}
