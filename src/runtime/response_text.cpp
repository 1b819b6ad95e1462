#include "runtime/response_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace porteiro::runtime {
namespace {

void append_number(std::string& out, std::size_t number) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  out.append(text, end);
}

void append_status(std::string& out, int status) {
  switch (status) {
    case 200:
      out += "HTTP/1.1 200 OK\r\n";
      return;
    case 202:
      out += "HTTP/1.1 202 Accepted\r\n";
      return;
    default:
      break;
  }
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(std::clamp(status, 100, 999)));
  out += ' ';
  out += http::reason(status);
  out += "\r\n";
}

bool token_sign(char c) {
  constexpr std::string_view signs = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         signs.find(c) != std::string_view::npos;
}

bool value_sound(std::string_view value) {
  return std::none_of(value.begin(), value.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

bool header_is_sound(std::string_view name, std::string_view value) {
  return !name.empty() && std::all_of(name.begin(), name.end(), token_sign) && value_sound(value);
}

void append_response(std::string& out, const http::Response& response, ResponseTraits traits,
                     std::string_view date) {
  append_status(out, response.status);
  out += "Date: ";
  out += date;
  const bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  if (!bodiless) {
    out += "\r\nContent-Length: ";
    append_number(out, response.body.size());
    if (!response.body.empty() && value_sound(response.content_type)) {
      out += "\r\nContent-Type: ";
      out += response.content_type;
    }
  }
  if (traits.close) {
    out += "\r\nConnection: close";
  } else if (traits.http_1_0) {
    out += "\r\nConnection: keep-alive";
  }
  for (const http::Header& header : response.headers) {
    if (!header_is_sound(header.name, header.value)) continue;
    out += "\r\n";
    out += header.name;
    out += ": ";
    out += header.value;
  }
  out += "\r\n\r\n";
  if (!bodiless && !traits.head) out += response.body;
}

std::string_view DateText::at(Time time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
  if (second == second_) return text_;
  second_ = second;
  constexpr const char* weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_days day{std::chrono::floor<std::chrono::days>(second)};
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{second - day.time_since_epoch()};
  char text[64];
  const int size = std::snprintf(
      text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT",
      weekdays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
      months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  text_.assign(text, static_cast<std::size_t>(size));
  return text_;
}

}  // namespace porteiro::runtime
