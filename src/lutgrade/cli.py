"""placeholder"""


def main(): ...
