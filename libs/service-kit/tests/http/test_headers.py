from service_kit.http.headers import end_to_end_headers
from starlette.datastructures import Headers


def test_hop_by_hop_headers_are_left_out():
    headers = {
        "Connection": "keep-alive",
        "Keep-Alive": "timeout=5",
        "Proxy-Authorization": "Basic x",
        "TE": "trailers",
        "Trailer": "X-Sum",
        "Transfer-Encoding": "chunked",
        "Upgrade": "websocket",
        "Accept": "*/*",
    }

    assert end_to_end_headers(headers) == {"accept": "*/*"}


def test_headers_that_connection_names_are_left_out_too():
    headers = {"X-A": "1", "Connection": "close, X-A ,x-b", "X-B": "2", "X-C": "3"}

    assert end_to_end_headers(headers) == {"x-c": "3"}


def test_what_the_next_hop_makes_anew_is_left_out():
    headers = {"Host": "outside", "Content-Length": "3", "Date": "now", "ETag": "e"}

    assert end_to_end_headers(headers) == {"etag": "e"}


def test_repeated_headers_are_joined():
    headers = Headers(raw=[(b"x-tag", b"a"), (b"x-tag", b"b"), (b"x-one", b"1")])

    assert end_to_end_headers(headers) == {"x-tag": "a, b", "x-one": "1"}
