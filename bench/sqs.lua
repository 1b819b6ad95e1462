-- wrk: requests to an SQS service. Arguments: QUEUE-URL PROTOCOL WORK
--   PROTOCOL  json or query
--   WORK      cycle: send one, receive one, delete it; send: send one; fill: send ten at a time;
--             drain: receive ten, delete these ten
-- Prints "result OK BAD REQUESTS/S CYCLES/S" when it is done.
local queue, protocol, work
local handles, count = {}, 0
local turn = 0
ok, bad, deleted = 0, 0, 0

local function escape(text)
  return (text:gsub("[^%w%-_%.~]", function(c) return string.format("%%%02X", c:byte()) end))
end

local function make(action, json, form)
  if protocol == "json" then
    return wrk.format("POST", "/", {
      ["Host"] = wrk.headers["Host"], ["Content-Type"] = "application/x-amz-json-1.0",
      ["X-Amz-Target"] = "AmazonSQS." .. action
    }, '{"QueueUrl":"' .. queue .. '",' .. json .. "}")
  end
  return wrk.format("POST", queue:match("https?://[^/]+(/.*)"), {
    ["Host"] = wrk.headers["Host"], ["Content-Type"] = "application/x-www-form-urlencoded"
  }, "Action=" .. action .. "&Version=2012-11-05&QueueUrl=" .. escape(queue) .. form)
end

local send, fill, receive, receive_ten
function init(args)
  queue, protocol, work = args[1], args[2], args[3]
  local body = string.rep("x", 256)
  send = make("SendMessage", '"MessageBody":"' .. body .. '"', "&MessageBody=" .. body)
  local entries = {}
  for i = 1, 10 do entries[i] = '{"Id":"m' .. i .. '","MessageBody":"' .. body .. '"}' end
  if protocol == "json" then
    fill = make("SendMessageBatch", '"Entries":[' .. table.concat(entries, ",") .. "]")
    receive_ten = make("ReceiveMessage", '"MaxNumberOfMessages":10,"VisibilityTimeout":600')
  end
  receive = make("ReceiveMessage", '"MaxNumberOfMessages":1,"VisibilityTimeout":600',
    "&MaxNumberOfMessages=1&VisibilityTimeout=600")
end

local function delete_some(most)
  local entries = {}
  while count > 0 and #entries < most do
    entries[#entries + 1] = '{"Id":"m' .. #entries .. '","ReceiptHandle":"' .. handles[count] .. '"}'
    handles[count] = nil
    count = count - 1
  end
  return make("DeleteMessageBatch", '"Entries":[' .. table.concat(entries, ",") .. "]")
end

function request()
  if work == "fill" then return fill end
  if work == "send" then return send end
  if work == "drain" then return count >= 10 and delete_some(10) or receive_ten end
  if count > 0 then
    local handle = handles[count]
    handles[count] = nil
    count = count - 1
    return make("DeleteMessage", '"ReceiptHandle":"' .. handle .. '"', "&ReceiptHandle=" .. escape(handle))
  end
  turn = 1 - turn
  return turn == 1 and send or receive
end

function response(status, headers, body)
  if status ~= 200 then
    bad = bad + 1
    if bad == 1 then io.stderr:write(status, " ", body:sub(1, 300), "\n") end
    return
  end
  ok = ok + 1
  local found = false
  local pattern = protocol == "json" and '"ReceiptHandle":"([^"]+)"' or "<ReceiptHandle>([^<]+)<"
  for handle in body:gmatch(pattern) do
    count = count + 1
    handles[count] = handle
    found = true
  end
  if not found and not body:find("MessageId", 1, true) then deleted = deleted + 1 end
end

local threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary)
  local o, b, d = 0, 0, 0
  for _, thread in ipairs(threads) do
    o, b, d = o + thread:get("ok"), b + thread:get("bad"), d + thread:get("deleted")
  end
  local seconds = summary.duration / 1e6
  io.write(string.format("result %d %d %.0f %.0f\n", o, b, o / seconds, d / seconds))
end
