# There is no official image of Eureka: this is Spring Cloud's server, one class, in the version that the native lab runs.
FROM maven:3.9-eclipse-temurin-17 AS build
WORKDIR /eureka
COPY test/servers/recipes/eureka ./
RUN --mount=type=cache,target=/root/.m2 mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib \
    && mkdir classes && javac -cp 'lib/*' -d classes src/*.java

FROM eclipse-temurin:17-jre-jammy
WORKDIR /eureka
COPY --from=build /eureka/lib lib
COPY --from=build /eureka/classes classes
USER 1000:1000
ENTRYPOINT ["java", "-Xmx256m", "-cp", "classes:lib/*", "isthmus.EurekaServer"]
