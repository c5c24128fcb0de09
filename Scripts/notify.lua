-- SPDX-License-Identifier: Apache-2.0
--
-- Notify: sends what happens (who was cut off or warned, which inbounds changed …) to webhooks and Telegram.
--
-- Events are gathered for a few seconds and sent together. A target that does not answer is tried again, later and later; meanwhile
-- events wait, up to a bound, and no other target or script waits with them. What was not sent when the core stops is sent after it has
-- started again. The log names a target by its host alone, because addresses hold secrets.
--
-- The hosts have to be allowed by `automation.http.allow` of the configuration:
--
--     { "url": "https://api.telegram.org/bot123:secret/sendMessage", "format": "telegram", "chat": "-100200300" }
--     { "url": "https://example.com/hook" }

local settings = settings {
    targets = {
        type = "list", required = true,
        of = {
            type = "record",
            fields = {
                url = { type = "string", required = true },
                format = { type = "choice", of = { "json", "text", "telegram" }, default = "json" },
                chat = { type = "string", doc = "Telegram's chat" },
                headers = { type = "map", of = "string", default = {} },
            },
        },
        doc = "where to send to; json is { text, events: [{ name, time, … }] }",
    },
    events = {
        type = "list", of = "string", doc = "names of events, with * for any text",
        default = { "script.*", "inbound.*", "outbound.*", "balancer.changed" },
    },
    texts = {
        type = "map", of = "string", default = {},
        doc = "a text for an event, by its name, with fields in braces: { \"user.online\": \"{email} from {source}\" }",
    },
    title = { type = "string", default = "tidegate", doc = "what each message begins with" },
    batch = { type = "duration", default = "3s", doc = "how long events are gathered" },
    most = { type = "integer", min = 1, max = 100, default = 20, doc = "events in one message" },
    queue = { type = "integer", min = 1, max = 100000, default = 1000, doc = "events that wait for a target at most; the oldest go" },
    retries = { type = "integer", min = 0, max = 20, default = 8, doc = "how often a message is tried again" },
    pause = { type = "duration", min = "100ms", default = "2s", doc = "before the first of them; doubled each time, up to 5 minutes" },
}

local texts = {
    ["script.user_warned"] = "{email} has used {percent} % of the plan of {plan}",
    ["script.user_cut"] = "{email} has used up the plan of {plan} and is cut off",
    ["script.user_restored"] = "{email} is back",
    ["script.user_expiring"] = "{email} ends within {days} days",
    ["script.user_expired"] = "{email} has ended",
    ["script.device_limit"] = "{email} is connected from more than {limit} addresses",
    ["script.source_blocked"] = "{source} is blocked: {reason}",
    ["script.source_unblocked"] = "{source} is free again",
    ["script.rebalanced"] = "{tag} goes from {from} to {to}",
    ["inbound.added"] = "inbound {tag} was added",
    ["inbound.removed"] = "inbound {tag} was removed",
    ["outbound.added"] = "outbound {tag} was added",
    ["outbound.removed"] = "outbound {tag} was removed",
    ["balancer.changed"] = "balancer {tag} was set to {target}",
}
for name, text in pairs(settings.texts) do texts[name] = text end

local function describe(event)
    local function field(name)
        local value = event[name]
        if (name == "plan" or name == "used") and math.type(value) == "integer" then return size_text(value) end
        return value == nil and "?" or tostring(value)
    end
    local text = texts[event.name]
    if text then return (text:gsub("{([%w_]+)}", field)) end
    local parts = {}
    for name in pairs(event) do
        if name ~= "name" and name ~= "time" then parts[#parts + 1] = name .. " " .. field(name) end
    end
    table.sort(parts)
    return event.name .. (#parts > 0 and ": " .. table.concat(parts, ", ") or "")
end

-- MARK: targets

local targets = {}
for index, target in ipairs(settings.targets) do
    local host = target.url:match("^https?://([^/:]+)")
    if not host then error(("settings: targets[%d].url: an address that begins with https:// is expected"):format(index), 0) end
    if target.format == "telegram" and not target.chat then
        error(("settings: targets[%d].chat: missing; Telegram needs a chat"):format(index), 0)
    end
    targets[index] = { config = target, host = host, key = "queue/" .. index, queue = {}, left_out = 0 }
end

local function message(target, events, left_out)
    local lines = {}
    for index, event in ipairs(events) do lines[index] = describe(event) end
    if left_out > 0 then lines[#lines + 1] = left_out .. " older events are left out" end
    local text = settings.title .. ": " .. table.concat(lines, "\n")
    if target.config.format == "text" then return text end
    -- Telegram takes 4096 characters.
    if target.config.format == "telegram" then
        return { chat_id = target.config.chat, text = #text > 4000 and text:sub(1, utf8.offset(text, 0, 4000) - 1) .. " …" or text }
    end
    return { text = text, events = events }
end

-- True when the message has arrived or never will; else how long to wait before it is tried again, or nil for the usual time.
local function post(target, body)
    local done, response, problem = pcall(http.post, target.config.url, body, { headers = target.config.headers })
    -- An address that is not allowed will not be so later.
    if not done then
        log.error(("%s: %s"):format(target.host, response))
        return true
    end
    if not response then
        log.warning(("%s does not answer: %s"):format(target.host, problem))
        return false
    end
    if response.status >= 200 and response.status < 300 then return true end
    log.warning(("%s answers with status %d"):format(target.host, response.status))
    if response.status == 429 or response.status >= 500 then return false, tonumber(response.headers["retry-after"]) end
    return true
end

local function send(target)
    while #target.queue > 0 do
        -- Taken out only when it is done, so that a stop meanwhile keeps it.
        local events = table.move(target.queue, 1, math.min(settings.most, #target.queue), 1, {})
        local left_out = target.left_out
        target.in_flight = #events
        local body, wait = message(target, events, left_out), settings.pause
        for try = 0, settings.retries do
            local is_done, asked = post(target, body)
            if is_done then break end
            if try == settings.retries then
                log.error(("%s: %d events are given up after %d tries"):format(target.host, #events, try + 1))
            else
                sleep(math.min(300, math.max(wait, asked or 0)))
                wait = wait * 2
            end
        end
        table.move(target.queue, target.in_flight + 1, #target.queue + target.in_flight, 1)
        target.in_flight = 0
        target.left_out = target.left_out - left_out
    end
end

local function wake(target)
    if target.is_awake then return end
    target.is_awake = true
    after(settings.batch, function()
        local done, problem = pcall(send, target)
        target.is_awake = false
        if not done then error(problem, 0) end
        if #target.queue > 0 then wake(target) end
    end, { name = "send to " .. target.host })
end

local function add(event)
    event.time = time.now()
    for _, target in ipairs(targets) do
        if #target.queue >= settings.queue then
            -- What is under way stays.
            table.remove(target.queue, (target.in_flight or 0) + 1)
            target.left_out = target.left_out + 1
        end
        target.queue[#target.queue + 1] = event
        wake(target)
    end
end

-- Takes up what was left behind; it goes before what has not been begun.
local function take_over()
    for _, target in ipairs(targets) do
        local rest, begun = store.get(target.key), target.in_flight or 0
        if rest then
            store.delete(target.key)
            table.move(target.queue, begun + 1, #target.queue, begun + 1 + #rest)
            table.move(rest, 1, #rest, begun + 1, target.queue)
            wake(target)
        end
    end
end

for _, name in ipairs(settings.events) do on(name, add, { name = name, buffer = 10000 }) end
take_over()
-- At a reload the version before ends after this one was loaded.
after("1s", take_over, { name = "take over" })

on_stop(function()
    for _, target in ipairs(targets) do
        if #target.queue > 0 then store.set(target.key, target.queue) end
    end
end)
